//! Rows of the common shape back to what a question asks for.

use catalog::SketchKind;
use database::Error;
use formula::{AttributeType, Number, Value};
use jiff::Timestamp;
use series::answer::Row;
use series::sketch::{Seen, Sketch, Sketched};
use series::{AttributeState, GroupState, Question, Sum};

use crate::numeric::{Exact, Numeric};

pub(super) fn decode(question: &Question, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let texts: Vec<Option<String>> = row.try_get("dimensions")?;
    let dimensions = question
        .dimensions
        .iter()
        .zip(texts)
        .map(|(name, text)| {
            let kind = question
                .attribute(name)
                .map_or(AttributeType::Text, |attribute| attribute.kind);
            text.map_or(Ok(Value::Null), |text| value_of(kind, text))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if let Some((_, kind)) = question.sketch {
        return Ok(Row {
            bucket: row.try_get("bucket")?,
            dimensions,
            state: GroupState::default(),
            numbers: Vec::new(),
            sketched: Some(sketched(kind, row)?),
        });
    }
    if question.is_pushed() {
        return Ok(Row {
            bucket: row.try_get("bucket")?,
            dimensions,
            state: GroupState {
                facts: row.try_get("facts")?,
                attributes: Vec::new(),
            },
            numbers: numbers(row)?,
            sketched: None,
        });
    }
    let numbers: Vec<Option<Numeric>> = row.try_get("states")?;
    let attributes = numbers.chunks_exact(8).map(attribute_state).collect::<Option<_>>();
    let attributes = attributes.ok_or_else(|| Error::Stored {
        place: format!("rollups of {}", question.entity.code()),
        cause: "a state is no number that facts can have".to_owned(),
    })?;
    Ok(Row {
        bucket: row.try_get("bucket")?,
        dimensions,
        state: GroupState {
            facts: row.try_get("facts")?,
            attributes,
        },
        numbers: Vec::new(),
        sketched: None,
    })
}

/// A sketch, or a value of an hour that has none: the text after the dimensions, and how many facts have it.
fn sketched(kind: SketchKind, row: &tokio_postgres::Row) -> Result<Sketched, Error> {
    let bytes: Option<&[u8]> = row.try_get("sketch")?;
    let unreadable = |what: &str| Error::Stored {
        place: format!("sketches of the kind {}", kind.name()),
        cause: format!("{what} can't be read"),
    };
    if let Some(bytes) = bytes {
        let sketch = Sketch::from_bytes(kind, bytes).ok_or_else(|| unreadable("one"))?;
        return Ok(Sketched::Cell(Box::new(sketch)));
    }
    let texts: Vec<Option<&str>> = row.try_get("dimensions")?;
    let value = texts.last().copied().flatten().unwrap_or_default();
    let seen = Seen::of(kind, value, row.try_get("facts")?);
    Ok(Sketched::Value(seen.ok_or_else(|| unreadable(value))?))
}

/// Numbers of measures that are pushed down.
fn numbers(row: &tokio_postgres::Row) -> Result<Vec<Option<Number>>, Error> {
    let numbers: Vec<Option<Exact>> = row.try_get("states")?;
    Ok(numbers
        .into_iter()
        .map(|number| number.map(|Exact(number)| number))
        .collect())
}

/// The state of an attribute; none when one of its numbers is beyond those of facts and their sums.
fn attribute_state(numbers: &[Option<Numeric>]) -> Option<AttributeState> {
    let value = |at: usize| numbers[at].map_or(Some(None), |number| number.decimal().map(Some));
    let pair = |at: usize| {
        let time = numbers[at].map_or(Some(None), |number| number.integer().map(Some))?;
        Some(time.zip(value(at + 1)?))
    };
    Some(AttributeState {
        count: numbers[0].map_or(Some(0), Numeric::integer)?,
        sum: numbers[1].map_or(Some(Sum::default()), Numeric::sum)?,
        min: value(2)?,
        max: value(3)?,
        first: pair(4)?,
        last: pair(6)?,
    })
}

/// A dimension's text as the server writes it, back to a value.
fn value_of(kind: AttributeType, text: String) -> Result<Value, Error> {
    let unreadable = |cause: String| Error::Stored {
        place: format!("{kind} dimension {text:?}"),
        cause,
    };
    match kind {
        // Facts of before an empty text was no value may still have one.
        AttributeType::Text if text.is_empty() => Ok(Value::Null),
        AttributeType::Text => Ok(Value::Text(text)),
        AttributeType::Boolean => Ok(Value::Boolean(text == "true")),
        AttributeType::Integer => text
            .parse()
            .map(Value::Integer)
            .map_err(|error: std::num::ParseIntError| unreadable(error.to_string())),
        AttributeType::Time => text
            .parse()
            .map(|time: Timestamp| Value::Time(time.as_microsecond()))
            .map_err(|error: jiff::Error| unreadable(error.to_string())),
        AttributeType::Decimal | AttributeType::Duration => text
            .parse()
            .map(Value::Decimal)
            .map_err(|error: rust_decimal::Error| unreadable(error.to_string())),
    }
}
