//! Binary COPY of facts and partials.

use std::error::Error as StdError;
use std::pin::Pin;

use bytes::BytesMut;
use catalog::GroupingDefinition;
use database::{Error, Session, identifier};
use formula::{AttributeType, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use series::partials::PartialRow;
use series::{AttributeState, Fact};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::relation::{Placed, STATES, numeric_names, state_column};

/// A value in a column of its attribute's type.
#[derive(Debug)]
struct Cell<'a>(&'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Boolean(value) => value.to_sql(kind, out),
            Value::Integer(value) => value.to_sql(kind, out),
            Value::Decimal(value) => value.to_sql(kind, out),
            Value::Text(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn sql_type(kind: AttributeType) -> Type {
    match kind {
        AttributeType::Integer => Type::INT8,
        AttributeType::Decimal => Type::NUMERIC,
        AttributeType::Boolean => Type::BOOL,
        AttributeType::Text => Type::TEXT,
    }
}

/// An instant of microseconds since 1970.
pub(crate) fn timestamp(time_us: i64) -> Timestamp {
    Timestamp::from_microsecond(time_us).unwrap_or(Timestamp::MAX)
}

/// Rows on their way: the server may still be at work on them.
pub(crate) struct Copying(Pin<Box<BinaryCopyInWriter>>);

impl Copying {
    /// Waits for the server to have taken all of them.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        self.0.as_mut().finish().await?;
        Ok(())
    }
}

/// Sends facts to the entity's hypertable.
pub(crate) async fn facts(session: &Session, client: Uuid, placed: &Placed, facts: &[&Fact]) -> Result<Copying, Error> {
    let attributes = placed.entity.stored_attributes();
    let names: String = attributes
        .iter()
        .map(|attribute| format!(", {}", identifier(&attribute.name)))
        .collect();
    let sql = format!(
        "COPY {} (client_id, time{names}) FROM STDIN (FORMAT binary)",
        placed.relation.facts()
    );
    let mut types = vec![Type::UUID, Type::TIMESTAMPTZ];
    types.extend(attributes.iter().map(|attribute| sql_type(attribute.kind)));
    let mut writer = session.copy_in(&sql, &types).await?;
    for fact in facts {
        let time = timestamp(fact.time_us);
        let cells: Vec<Cell<'_>> = fact.values.iter().map(Cell).collect();
        let head: [&(dyn ToSql + Sync); 2] = [&client, &time];
        let row = head
            .into_iter()
            .chain(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
        writer.as_mut().write_raw(Exact(row, cells.len() + 2)).await?;
    }
    Ok(Copying(writer))
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

/// Copies a grouping's partials.
pub(crate) async fn partials(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    grouping: &GroupingDefinition,
    rows: &[PartialRow],
) -> Result<(), Error> {
    let numeric = numeric_names(&placed.entity);
    let (columns, types) = partial_columns(placed, grouping, &numeric);
    let sql = format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        placed.relation.partials(grouping),
        columns.join(", ")
    );
    let mut writer = session.copy_in(&sql, &types).await?;
    for row in rows {
        let bucket = timestamp(row.bucket_us);
        let cells: Vec<Cell<'_>> = row.dimensions.iter().map(Cell).collect();
        let states: Vec<StateCells> = row.state.attributes.iter().map(StateCells::of).collect();
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(types.len());
        values.extend([&client as &(dyn ToSql + Sync), &bucket]);
        values.extend(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
        values.push(&row.state.facts);
        for state in &states {
            values.extend([
                &state.count as &(dyn ToSql + Sync),
                &state.sum,
                &state.min,
                &state.max,
                &state.first,
                &state.last,
            ]);
        }
        writer.as_mut().write(&values).await?;
    }
    Copying(writer).finish().await
}

/// The states of one attribute as column values, in the order of [`STATES`].
struct StateCells {
    count: i64,
    sum: Decimal,
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
            sum: state.sum,
            min: state.min,
            max: state.max,
            first: state.first.map(pair),
            last: state.last.map(pair),
        }
    }
}

fn partial_columns(placed: &Placed, grouping: &GroupingDefinition, numeric: &[&str]) -> (Vec<String>, Vec<Type>) {
    let mut columns = vec!["client_id".to_owned(), "bucket".to_owned()];
    let mut types = vec![Type::UUID, Type::TIMESTAMPTZ];
    for name in &grouping.dimensions {
        columns.push(identifier(name));
        let kind = placed
            .entity
            .stored_attributes()
            .iter()
            .find(|attribute| attribute.name == *name)
            .map_or(AttributeType::Text, |attribute| attribute.kind);
        types.push(sql_type(kind));
    }
    columns.push("facts".to_owned());
    types.push(Type::INT8);
    for attribute in numeric {
        for (state, kind, _) in STATES {
            columns.push(state_column(attribute, state));
            types.push(match kind {
                "bigint" => Type::INT8,
                "numeric" => Type::NUMERIC,
                _ => Type::NUMERIC_ARRAY,
            });
        }
    }
    (columns, types)
}
