//! Binary COPY of facts and partials.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use bytes::BytesMut;
use catalog::GroupingDefinition;
use database::{CopyIn, Error, Session};
use formula::Value;
use jiff::Timestamp;
use rust_decimal::Decimal;
use series::partials::PartialRow;
use series::{AttributeState, Fact};
use tokio_postgres::types::{IsNull, Json, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::key::key_of;
use crate::layout::{Family, Slot, StateSlot};
use crate::numeric::SumCell;
use crate::place::Placed;
use crate::states::{STATES, state_column};

/// A value in a slot of its family.
#[derive(Debug)]
struct Cell<'a>(&'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Boolean(value) => value.to_sql(kind, out),
            // Numbers of both types share their slots.
            Value::Integer(value) => Decimal::from(*value).to_sql(kind, out),
            Value::Decimal(value) => value.to_sql(kind, out),
            Value::Text(value) => value.to_sql(kind, out),
            // In a text's slot.
            Value::Time(_) => series::answer::text(self.0).to_sql(kind, out),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn sql_type(family: Family) -> Type {
    match family {
        Family::Number => Type::NUMERIC,
        Family::Text | Family::Time => Type::TEXT,
        Family::Flag => Type::BOOL,
    }
}

/// An instant of microseconds since 1970.
pub(crate) fn timestamp(time_us: i64) -> Timestamp {
    Timestamp::from_microsecond(time_us).unwrap_or(Timestamp::MAX)
}

/// Whose rows are written, and by which commit.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) client: Uuid,
    pub(crate) placed: &'a Placed,
    pub(crate) batch_number: i64,
}

/// Facts on their way to the entity's volume, one COPY for all of them: the server is at work on the first ones while others are still being made.
pub(crate) struct CopyingFacts<'a> {
    writing: Writing<'a>,
    /// Positions of the attributes that have columns, and of those that have none, with their slots.
    columns: Vec<usize>,
    beyond: Vec<(usize, Slot)>,
    rows: CopyIn<'a>,
    /// Whether they are kept aside, as rows of nobody's entity.
    is_aside: bool,
}

impl<'a> CopyingFacts<'a> {
    /// Begins the COPY of facts that are kept aside: nobody reads them, for no entity has the negative of another one's identity.
    pub(crate) async fn begin_aside(session: &'a Session, writing: Writing<'a>) -> Result<Self, Error> {
        let copying = Self::begin(session, writing).await?;
        Ok(Self {
            is_aside: true,
            ..copying
        })
    }

    /// Begins the COPY.
    pub(crate) async fn begin(session: &'a Session, writing: Writing<'a>) -> Result<Self, Error> {
        let placed = writing.placed;
        let attributes = placed.entity.stored_attributes().iter().enumerate();
        let slots: Vec<(usize, Slot)> = attributes
            .map(|(position, attribute)| Ok((position, placed.place.layout.slot(attribute)?)))
            .collect::<Result<_, Error>>()?;
        let (columns, beyond): (Vec<_>, Vec<_>) = slots.into_iter().partition(|(_, slot)| slot.is_column());
        let names: String = columns.iter().map(|(_, slot)| format!(", {}", slot.name())).collect();
        let sql = format!(
            "COPY {} (client_id, entity_id, time, batch_number, key, more{names}) FROM STDIN (FORMAT binary)",
            placed.place.volume.facts()
        );
        let mut types = vec![
            Type::UUID,
            Type::INT4,
            Type::TIMESTAMPTZ,
            Type::INT8,
            Type::UUID,
            Type::JSONB,
        ];
        types.extend(columns.iter().map(|(_, slot)| sql_type(slot.family)));
        Ok(Self {
            writing,
            columns: columns.into_iter().map(|(position, _)| position).collect(),
            beyond,
            rows: session.copy_in(&sql, &types).await?,
            is_aside: false,
        })
    }

    /// Sends facts of a number.
    pub(crate) async fn send(&mut self, batch_number: i64, facts: impl Iterator<Item = &Fact>) -> Result<(), Error> {
        let Writing { client, placed, .. } = self.writing;
        let id = if self.is_aside {
            -placed.place.id
        } else {
            placed.place.id
        };
        for fact in facts {
            let time = timestamp(fact.time_us);
            let key = key_of(&placed.entity, fact);
            let more = rest(fact, &self.beyond);
            let cells = self.columns.iter().map(|position| Cell(&fact.values[*position]));
            let cells: Vec<Cell<'_>> = cells.collect();
            let head: [&(dyn ToSql + Sync); 6] = [&client, &id, &time, &batch_number, &key, &more];
            let row = head
                .into_iter()
                .chain(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
            self.rows.write_raw(Exact(row, cells.len() + 6)).await?;
        }
        Ok(())
    }

    /// Waits for the server to have taken all of them.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        self.rows.finish().await
    }
}

/// What a fact has beyond the columns, as texts by slot.
fn rest(fact: &Fact, beyond: &[(usize, Slot)]) -> Option<Json<BTreeMap<String, String>>> {
    let texts = beyond
        .iter()
        .filter_map(|(position, slot)| match &fact.values[*position] {
            Value::Null => None,
            value => Some((slot.name(), series::answer::text(value))),
        });
    let texts: BTreeMap<String, String> = texts.collect();
    (!texts.is_empty()).then_some(Json(texts))
}

/// A chained iterator with the length that the writer asks for.
struct Exact<I>(I, usize);

impl<I: Iterator> Iterator for Exact<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.1 = self.1.saturating_sub(1);
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Exact<I> {}

/// Copies the partials of all groupings, in one COPY for each page of numbers.
pub(crate) async fn partials(
    session: &Session,
    writing: Writing<'_>,
    groupings: &[(&GroupingDefinition, &Vec<PartialRow>)],
) -> Result<(), Error> {
    let layout = &writing.placed.place.layout;
    let numbers: Vec<StateSlot> = writing
        .placed
        .entity
        .numeric_attributes()
        .map(|(_, attribute)| Ok(layout.slot(attribute)?.state()))
        .collect::<Result<_, Error>>()?;
    for page in layout.pages() {
        let on_page: Vec<(usize, u16)> = numbers
            .iter()
            .enumerate()
            .filter(|(_, state)| state.page == page)
            .map(|(position, state)| (position, state.slot))
            .collect();
        copy_page(session, writing, groupings, page, &on_page).await?;
    }
    Ok(())
}

/// Copies one page: `numbers` are the positions of its attributes among the numeric ones, with their slots.
async fn copy_page(
    session: &Session,
    writing: Writing<'_>,
    groupings: &[(&GroupingDefinition, &Vec<PartialRow>)],
    page: i16,
    numbers: &[(usize, u16)],
) -> Result<(), Error> {
    let Writing {
        client,
        placed,
        batch_number,
    } = writing;
    let slots: Vec<u16> = numbers.iter().map(|(_, slot)| *slot).collect();
    let (columns, types) = partial_columns(&slots);
    let sql = format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        placed.place.volume.partials(),
        columns.join(", ")
    );
    let mut writer = session.copy_in(&sql, &types).await?;
    for (grouping, rows) in groupings {
        let id = placed.place.layout.grouping_id(grouping)?;
        for row in *rows {
            let bucket = timestamp(row.bucket_us);
            let dimensions: Vec<Option<String>> = row.dimensions.iter().map(dimension).collect();
            let states = numbers
                .iter()
                .map(|(position, _)| StateCells::of(&row.state.attributes[*position]));
            let states: Vec<StateCells> = states.collect();
            let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(types.len());
            values.extend([
                &client as &(dyn ToSql + Sync),
                &placed.place.id,
                &id,
                &page,
                &bucket,
                &batch_number,
            ]);
            values.extend([&row.state.facts as &(dyn ToSql + Sync), &dimensions]);
            for state in &states {
                values.extend(state.cells());
            }
            writer.write(&values).await?;
        }
    }
    writer.finish().await
}

/// A dimension's value as rollups have it: the one text of each value.
pub(crate) fn dimension(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        value => Some(series::answer::text(value)),
    }
}

/// The states of one attribute as column values, in the order of [`STATES`].
struct StateCells {
    count: i64,
    sum: SumCell,
    min: Option<Decimal>,
    max: Option<Decimal>,
    first: Option<Vec<Decimal>>,
    last: Option<Vec<Decimal>>,
}

impl StateCells {
    fn of(state: &AttributeState) -> Self {
        let pair = |(time_us, value): (i64, Decimal)| vec![Decimal::from(time_us), value];
        Self {
            count: state.count,
            sum: SumCell(state.sum),
            min: state.min,
            max: state.max,
            first: state.first.map(pair),
            last: state.last.map(pair),
        }
    }

    fn cells(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.count, &self.sum, &self.min, &self.max, &self.first, &self.last]
    }
}

fn partial_columns(slots: &[u16]) -> (Vec<String>, Vec<Type>) {
    let head = [
        "client_id",
        "entity_id",
        "grouping_id",
        "page",
        "bucket",
        "batch_number",
        "facts",
        "dimensions",
    ];
    let mut columns: Vec<String> = head.map(str::to_owned).into();
    let mut types = vec![
        Type::UUID,
        Type::INT4,
        Type::INT2,
        Type::INT2,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::INT8,
        Type::TEXT_ARRAY,
    ];
    for slot in slots {
        for (state, kind, _) in STATES {
            columns.push(state_column(*slot, state));
            types.push(match kind {
                "bigint" => Type::INT8,
                "numeric" => Type::NUMERIC,
                _ => Type::NUMERIC_ARRAY,
            });
        }
    }
    (columns, types)
}
