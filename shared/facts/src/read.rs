//! States of buckets: many questions of many clients in one statement.
//!
//! Each question becomes a branch of one UNION ALL, whose rows all have one shape. A branch over a rollup adds up, for
//! each bucket, what is kept at its level and what only lower levels know yet, so its answer equals the facts at every
//! commit:
//!
//! - Apache: rows moved up to the level, and the partials that are not moved yet.
//! - Community: the aggregate of the level where no stale range touches the bucket; inside touched buckets the level
//!   below, and so on down to the partials of the touched minutes themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use catalog::{GroupingDefinition, Level};
use database::{Edition, Error, Session, identifier};
use formula::{AttributeType, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use series::answer::Row;
use series::{AttributeState, GroupState, Question, Source};
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::relation::{Relation, STATES, column_type, level_name, levels, state_column};
use crate::states::state_of_facts;

/// Most branches of one statement. A publisher with 20 relations at three levels, each asked with five combinations of dimensions and filters, has 300.
pub const MAX_BRANCHES: usize = 512;

/// Most rows of one statement: 10,080 buckets of 50 groups.
pub const MAX_ROWS: usize = 504_000;

/// Rows after which [`read_each`] leaves the rest for later: with those of one more statement it never holds more than half again [`MAX_ROWS`].
const MAX_ROWS_TOGETHER: usize = MAX_ROWS / 2;

/// A question about some clients' facts.
#[derive(Clone, Debug)]
pub struct Read {
    /// The clients; there is no read without one.
    pub clients: Vec<Uuid>,
    /// Place of the question's entity.
    pub relation: Relation,
    /// What is asked.
    pub question: Question,
}

/// Reads all questions in one statement; the answers are in the order of the questions.
///
/// # Errors
/// When there are too many questions or rows, or the statement fails.
pub async fn read(session: &Session, reads: &[Read]) -> Result<Vec<Vec<(Uuid, Row)>>, Error> {
    let mut answers: Vec<Vec<(Uuid, Row)>> = vec![Vec::new(); reads.len()];
    if reads.is_empty() {
        return Ok(answers);
    }
    if reads.len() > MAX_BRANCHES {
        return Err(Error::TooMuch(format!(
            "{} questions at once are more than {MAX_BRANCHES}",
            reads.len()
        )));
    }
    let edition = session.edition().await?;
    let mut statement = Statement::default();
    let branches: Vec<String> = reads
        .iter()
        .enumerate()
        .map(|(number, read)| statement.branch(edition, number, read))
        .collect();
    let sql = format!(
        "{}{} LIMIT {}",
        statement.stale(reads, edition),
        branches.join("\nUNION ALL\n"),
        MAX_ROWS + 1
    );
    let rows = session.query_once(&sql, &statement.parameters()).await?;
    if rows.len() > MAX_ROWS {
        return Err(Error::TooMuch(format!(
            "an answer of more than {MAX_ROWS} rows: ask a shorter range, a longer period or fewer dimensions"
        )));
    }
    for row in rows {
        let number = usize::try_from(row.get::<_, i32>("question")).unwrap_or(usize::MAX);
        let (Some(read), Some(answer)) = (reads.get(number), answers.get_mut(number)) else {
            continue;
        };
        answer.push((row.get("client_id"), decode(&read.question, &row)?));
    }
    Ok(answers)
}

/// What became of one question of [`read_each`].
#[derive(Debug)]
pub enum Answer {
    /// Its rows.
    Rows(Vec<(Uuid, Row)>),
    /// It can't be answered, whatever else is asked.
    Refused(Error),
    /// There was no time, or no room, left for it.
    Later,
}

/// Reads questions that have nothing to do with each other, so that one which can't be answered is refused alone. It is one statement for every
/// [`MAX_BRANCHES`] questions; one that fails is asked again in halves until the question at fault stands alone. After `until` no further statement is
/// begun.
///
/// # Errors
/// When the server can't be reached, or fails by itself.
pub async fn read_each(session: &Session, reads: &[Read], until: Instant) -> Result<Vec<Answer>, Error> {
    let mut answers: Vec<Answer> = reads.iter().map(|_| Answer::Later).collect();
    // What is still to be asked, the next one last.
    let mut spans: Vec<Range<usize>> = (0..reads.len())
        .step_by(MAX_BRANCHES)
        .map(|from| from..reads.len().min(from + MAX_BRANCHES))
        .rev()
        .collect();
    let (mut rows, mut is_first) = (0, true);
    while let Some(span) = spans.pop() {
        if !is_first && (rows > MAX_ROWS_TOGETHER || Instant::now() >= until) {
            break;
        }
        is_first = false;
        match read(session, &reads[span.clone()]).await {
            Ok(found) => {
                for (answer, found) in answers[span].iter_mut().zip(found) {
                    rows += found.len();
                    *answer = Answer::Rows(found);
                }
            }
            Err(error) if !error.is_of_statement() => return Err(error),
            Err(error) if span.len() == 1 => answers[span.start] = Answer::Refused(error),
            Err(error) => {
                tracing::warn!(questions = span.len(), cause = %error, "a read failed; asking in halves");
                let middle = span.start + span.len() / 2;
                spans.extend([middle..span.end, span.start..middle]);
            }
        }
    }
    Ok(answers)
}

/// Parameters of a statement as they are added.
#[derive(Default)]
struct Statement {
    uuids: Vec<(usize, Vec<Uuid>)>,
    times: Vec<(usize, Timestamp)>,
    texts: Vec<(usize, Vec<String>)>,
    next: usize,
}

impl Statement {
    fn place(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn clients(&mut self, clients: &[Uuid]) -> String {
        let place = self.place();
        self.uuids.push((place, clients.to_vec()));
        format!("${place}")
    }

    /// An instant. PostgreSQL's calendar begins in 4713 BC, later than ours; no fact is before 1990.
    fn time(&mut self, time: Timestamp) -> String {
        let place = self.place();
        self.times.push((place, time.max(Timestamp::UNIX_EPOCH)));
        format!("${place}")
    }

    /// Texts to compare with. One with U+0000 is in no fact, and PostgreSQL can't even be asked for it.
    fn values(&mut self, values: &BTreeSet<String>) -> String {
        let place = self.place();
        let possible = values.iter().filter(|value| !value.contains('\0'));
        self.texts.push((place, possible.cloned().collect()));
        format!("${place}")
    }

    fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let mut placed: BTreeMap<usize, (&(dyn ToSql + Sync), Type)> = BTreeMap::new();
        placed.extend(
            self.uuids
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::UUID_ARRAY))),
        );
        placed.extend(
            self.times
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::TIMESTAMPTZ))),
        );
        placed.extend(
            self.texts
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::TEXT_ARRAY))),
        );
        placed.into_values().collect()
    }

    /// The stale ranges of the clients, read once for all branches (Community edition).
    fn stale(&mut self, reads: &[Read], edition: Edition) -> String {
        if edition == Edition::Apache {
            return String::new();
        }
        let clients: BTreeSet<Uuid> = reads.iter().flat_map(|read| read.clients.iter().copied()).collect();
        let clients = self.clients(&clients.into_iter().collect::<Vec<_>>());
        format!(
            "WITH stale AS MATERIALIZED (
                SELECT DISTINCT schema_name, relation_name, client_id, from_time, to_time FROM core.stale_ranges WHERE client_id = ANY ({clients})
            )\n"
        )
    }

    /// One question as a SELECT of the common shape.
    fn branch(&mut self, edition: Edition, number: usize, read: &Read) -> String {
        let question = &read.question;
        let scope = Scope {
            clients: self.clients(&read.clients),
            from: self.time(question.range.from),
            to: self.time(question.range.to),
            filter: self.filter(question),
        };
        let dimensions: String = question
            .dimensions
            .iter()
            .map(|name| format!(", {}", identifier(name)))
            .collect();
        let parts = match question.source {
            Source::Raw => vec![raw(read, &scope)],
            Source::Rollup(index) => match question.entity.groupings().get(index) {
                Some(grouping) if edition == Edition::Apache => apache(read, grouping, &scope),
                Some(grouping) => community(read, grouping, &scope),
                None => vec![raw(read, &scope)],
            },
        };
        let texts: Vec<String> = question
            .dimensions
            .iter()
            .map(|name| format!("{}::text", identifier(name)))
            .collect();
        let merges: Vec<String> = question
            .attributes
            .iter()
            .flat_map(|attribute| merged(attribute))
            .collect();
        format!(
            "(SELECT {number}::int AS question, client_id, bucket, ARRAY[{}]::text[] AS dimensions, sum(facts)::bigint AS facts, ARRAY[{}]::numeric[] AS states
             FROM ({}) AS parts GROUP BY client_id, bucket{dimensions})",
            texts.join(", "),
            merges.join(", "),
            parts.join(" UNION ALL ")
        )
    }

    /// Dimension filters that the database can apply; the answer applies them all again.
    fn filter(&mut self, question: &Question) -> String {
        let mut sql = String::new();
        for (name, values) in &question.filter {
            let Some(attribute) = question
                .entity
                .stored_attributes()
                .iter()
                .find(|attribute| attribute.name == *name)
            else {
                continue;
            };
            // A missing value is written as the empty text, which has no counterpart in the column; only text columns are
            // compared here, since a value like "abc" can't be cast to the others.
            if attribute.kind == AttributeType::Text && !values.contains("") {
                sql.push_str(&format!(" AND {} = ANY ({})", identifier(name), self.values(values)));
            }
        }
        sql
    }
}

/// What every part of a branch is limited to, as SQL.
struct Scope {
    clients: String,
    from: String,
    to: String,
    filter: String,
}

impl Scope {
    /// The condition on a column of bucket or event times. It names the client: there is no other form.
    fn condition(&self, column: &str) -> String {
        format!(
            "client_id = ANY ({}) AND {column} >= {} AND {column} < {}{}",
            self.clients, self.from, self.to, self.filter
        )
    }
}

/// The columns of a part: client, bucket, dimensions, facts, states.
fn columns(question: &Question, bucket: &str) -> String {
    let dimensions: String = question
        .dimensions
        .iter()
        .map(|name| format!("{}, ", identifier(name)))
        .collect();
    let states: String = question
        .attributes
        .iter()
        .flat_map(|attribute| {
            STATES
                .iter()
                .map(move |(state, _, _)| format!(", {}", state_column(attribute, state)))
        })
        .collect();
    format!("client_id, {bucket} AS bucket, {dimensions} facts{states}")
}

/// Numbers of one attribute's merged state, in the order that [`decode`] reads.
fn merged(attribute: &str) -> Vec<String> {
    let column = |state: &str| state_column(attribute, state);
    vec![
        format!("sum({})", column("count")),
        format!("sum({})", column("sum")),
        format!("min({})", column("min")),
        format!("max({})", column("max")),
        format!("(min({}))[1]", column("first")),
        format!("(min({}))[2]", column("first")),
        format!("(max({}))[1]", column("last")),
        format!("(max({}))[2]", column("last")),
    ]
}

fn bucket_of(level: Level, column: &str) -> String {
    format!("time_bucket('1 {}', {column})", level_name(level))
}

/// Straight from the facts.
fn raw(read: &Read, scope: &Scope) -> String {
    let question = &read.question;
    let bucket = bucket_of(question.level, "time");
    let dimensions: String = question
        .dimensions
        .iter()
        .map(|name| format!("{}, ", identifier(name)))
        .collect();
    let group: String = question
        .dimensions
        .iter()
        .map(|name| format!(", {}", identifier(name)))
        .collect();
    let states: String = question
        .attributes
        .iter()
        .flat_map(|attribute| {
            STATES.iter().map(move |(state, _, _)| {
                format!(
                    ", {} AS {}",
                    state_of_facts(attribute, state),
                    state_column(attribute, state)
                )
            })
        })
        .collect();
    format!(
        "SELECT client_id, {bucket} AS bucket, {dimensions} count(*) AS facts{states} FROM {} WHERE {} GROUP BY client_id, {bucket}{group}",
        read.relation.facts(),
        scope.condition("time")
    )
}

fn apache(read: &Read, grouping: &GroupingDefinition, scope: &Scope) -> Vec<String> {
    let (question, level) = (&read.question, read.question.level);
    vec![
        format!(
            "SELECT {} FROM {} WHERE {}",
            columns(question, "bucket"),
            read.relation.rows(grouping, level),
            scope.condition("bucket")
        ),
        format!(
            "SELECT {} FROM {} WHERE {}",
            columns(question, &bucket_of(level, "bucket")),
            read.relation.partials(grouping),
            scope.condition("bucket")
        ),
    ]
}

fn community(read: &Read, grouping: &GroupingDefinition, scope: &Scope) -> Vec<String> {
    let question = &read.question;
    let touched = |level: Level| {
        let start = bucket_of(level, "part.bucket");
        format!(
            "EXISTS (SELECT 1 FROM stale WHERE stale.schema_name = '{}' AND stale.relation_name = '{}' AND stale.client_id = part.client_id
                AND {start} < stale.to_time AND {start} + interval '1 {}' > stale.from_time)",
            read.relation.schema.replace('\'', "''"),
            read.relation.name.replace('\'', "''"),
            level_name(level)
        )
    };
    let mut parts = Vec::new();
    // From the question's level down: what is not touched there, inside what is touched above.
    let mut above = String::new();
    for level in levels(grouping.finest).rev().filter(|level| *level <= question.level) {
        parts.push(format!(
            "SELECT {} FROM {} AS part WHERE {} AND NOT {}{above}",
            columns(question, &bucket_of(question.level, "bucket")),
            read.relation.rollup(grouping, level),
            scope.condition("bucket"),
            touched(level)
        ));
        above = format!(" AND {}", touched(level));
    }
    parts.push(format!(
        "SELECT {} FROM {} AS part WHERE {}{above}",
        columns(question, &bucket_of(question.level, "bucket")),
        read.relation.partials(grouping),
        scope.condition("bucket")
    ));
    parts
}

fn decode(question: &Question, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let texts: Vec<Option<String>> = row.try_get("dimensions")?;
    let numbers: Vec<Option<Decimal>> = row.try_get("states")?;
    let dimensions = question
        .dimensions
        .iter()
        .zip(texts)
        .map(|(name, text)| {
            let kind = question
                .entity
                .stored_attributes()
                .iter()
                .find(|attribute| attribute.name == *name)
                .map_or(AttributeType::Text, |attribute| attribute.kind);
            text.map_or(Ok(Value::Null), |text| value_of(kind, text))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let attributes = numbers.chunks_exact(8).map(attribute_state).collect();
    Ok(Row {
        bucket: row.try_get("bucket")?,
        dimensions,
        state: GroupState {
            facts: row.try_get("facts")?,
            attributes,
        },
    })
}

fn attribute_state(numbers: &[Option<Decimal>]) -> AttributeState {
    let pair = |at: usize| numbers[at].and_then(|time| time.to_i64()).zip(numbers[at + 1]);
    AttributeState {
        count: numbers[0].and_then(|count| count.to_i64()).unwrap_or(0),
        sum: numbers[1].unwrap_or_default(),
        min: numbers[2],
        max: numbers[3],
        first: pair(4),
        last: pair(6),
    }
}

/// A dimension's text as the server writes it, back to a value.
fn value_of(kind: AttributeType, text: String) -> Result<Value, Error> {
    let unreadable = |cause: String| Error::Stored {
        place: format!("{} dimension {text:?}", column_type(kind)),
        cause,
    };
    match kind {
        AttributeType::Text => Ok(Value::Text(text)),
        AttributeType::Boolean => Ok(Value::Boolean(text == "true")),
        AttributeType::Integer => text
            .parse()
            .map(Value::Integer)
            .map_err(|error: std::num::ParseIntError| unreadable(error.to_string())),
        AttributeType::Decimal => text
            .parse()
            .map(Value::Decimal)
            .map_err(|error: rust_decimal::Error| unreadable(error.to_string())),
    }
}
