//! States of buckets: many questions of many clients in one statement.
//!
//! Each question becomes a branch of one UNION ALL, whose rows all have one shape. A branch over a rollup adds up, for
//! each bucket, what is kept at its level and what only lower levels know yet, so its answer equals the facts at every
//! commit:
//!
//! - Apache: rows moved up to the level, and the partials that are not moved yet.
//! - Community: the aggregate of the level where no stale range touches the bucket; inside touched buckets the level
//!   below, and so on down to the partials of the touched minutes themselves.

mod condition;
mod decode;
mod gate;
mod lookups;
mod parts;
mod pushed;
pub(crate) mod sketches;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use catalog::{GroupingDefinition, SketchKind};
use database::{Edition, Error, Session};
use formula::AttributeType;
use jiff::{SignedDuration, Timestamp};
use series::answer::Row;
use series::calendar::Bins;
use series::{Question, Source};
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use self::condition::Constants;
use self::decode::decode;
use self::gate::{NO_PLACE, UNSKETCHED};
use self::parts::{Columns, Scope, apache, community, raw};
use crate::layout::Layout;
use crate::volume::{Volume, hash_of, is_found_by_dimension};

/// Most branches of one statement. A publisher with 20 relations at three levels, each asked with five combinations of dimensions and filters, has 300.
pub const MAX_BRANCHES: usize = 512;

/// Most rows of one statement: 10,080 buckets of 50 groups.
pub const MAX_ROWS: usize = 504_000;

/// Most bytes of the rows of one statement, as the server sends them: twice the size of the most rows with short values. It is looked at while they are
/// read, so that long values take no more memory than many short ones.
pub const MAX_READ_BYTES: usize = 64 * 1024 * 1024;

/// Most questions of one client that are answered at once: three of the eight places that a machine has for those who ask, or of forty on AWS. Two clients
/// whose questions take as long as they may leave places for others.
pub const MAX_AT_ONCE: usize = 3;

/// Rows after which [`read_each`] leaves the rest for later: with those of one more statement it never holds more than half again [`MAX_ROWS`].
const MAX_ROWS_TOGETHER: usize = MAX_ROWS / 2;

/// The longest bucket.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// A question about some clients' facts, which lie alike in one volume.
#[derive(Clone, Debug)]
pub struct Read {
    /// The clients, each with the identity of its entity; there is no read without one.
    pub members: Vec<(Uuid, i32)>,
    /// Tables that hold the facts.
    pub volume: Volume,
    /// How they lie there.
    pub layout: Arc<Layout>,
    /// What is asked.
    pub question: Question,
    /// Where the objects are that are looked up for each fact, in the order of the question's. They are the one client's whose facts are read.
    pub related: Vec<Related>,
}

/// Where an entity is whose objects are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// Tables that hold its facts.
    pub volume: Volume,
    /// Its identity there.
    pub id: i32,
    /// How they lie there.
    pub layout: Arc<Layout>,
}

/// How long a question waits before it looks for a place again. Dashboards ask for many tiles at once, each of which has its place for some milliseconds; who
/// has none after half a second waits for slow ones.
const LOOKS_AGAIN_AFTER_MS: [u64; 5] = [20, 40, 80, 160, 200];

/// Reads all questions of a client in one statement, as long as it lasts in one of the client's [`MAX_AT_ONCE`] places; the answers are in the order of
/// the questions.
///
/// # Errors
/// When all places stay taken for half a second; when there are too many questions or rows, or the statement fails.
pub async fn read_in_place(session: &Session, client: Uuid, reads: &[Read]) -> Result<Vec<Vec<(Uuid, Row)>>, Error> {
    for pause_ms in LOOKS_AGAIN_AFTER_MS {
        match read(session, reads, Some(client)).await {
            Err(Error::TooManyAtOnce(_)) => tokio::time::sleep(Duration::from_millis(pause_ms)).await,
            answer => return answer,
        }
    }
    read(session, reads, Some(client)).await
}

/// Reads all questions in one statement, in one of the places of `client` if there is one. Facts of hours without sketches are read by another one, where there are
/// such hours: mostly there are none, and to plan for them takes the server longer than all else.
async fn read(session: &Session, reads: &[Read], client: Option<Uuid>) -> Result<Vec<Vec<(Uuid, Row)>>, Error> {
    if reads.iter().any(|read| read.question.sketch.is_some())
        && let Some(answers) = read_once(session, reads, client, false).await?
    {
        return Ok(answers);
    }
    let answers = read_once(session, reads, client, true).await?;
    Ok(answers.unwrap_or_default())
}

/// `None` where facts are to be read as well.
async fn read_once(
    session: &Session,
    reads: &[Read],
    client: Option<Uuid>,
    reads_unsketched: bool,
) -> Result<Option<Vec<Vec<(Uuid, Row)>>>, Error> {
    let mut answers: Vec<Vec<(Uuid, Row)>> = vec![Vec::new(); reads.len()];
    if reads.is_empty() {
        return Ok(Some(answers));
    }
    if reads.len() > MAX_BRANCHES {
        return Err(Error::TooMuch(format!(
            "{} questions at once are more than {MAX_BRANCHES}",
            reads.len()
        )));
    }
    let edition = session.edition().await?;
    let mut statement = Statement {
        reads_unsketched,
        ..Statement::default()
    };
    let branches: Vec<String> = reads
        .iter()
        .enumerate()
        .map(|(number, read)| statement.branch(edition, number, read))
        .collect::<Result<_, Error>>()?;
    let stale = [statement.stale(reads, edition), statement.unsketched(reads)];
    let sql = statement.whole(stale, &branches.join("\nUNION ALL\n"), client);
    let (mut rows, mut bytes, mut is_whole) = (0, 0, true);
    let take = |row: tokio_postgres::Row| {
        rows += 1;
        let number = row.get::<_, i32>("question");
        let read = usize::try_from(number).ok().and_then(|number| reads.get(number));
        bytes += row.raw_size_bytes() * read.map_or(1, growth);
        let too_much = |what: String| {
            let hint = "ask a shorter range, a longer period or fewer dimensions";
            Error::TooMuch(format!("an answer of more than {what}: {hint}"))
        };
        if rows > MAX_ROWS {
            return Err(too_much(format!("{MAX_ROWS} rows")));
        }
        if bytes > MAX_READ_BYTES {
            return Err(too_much(format!("{} MiB", MAX_READ_BYTES >> 20)));
        }
        match number {
            NO_PLACE => return Err(Error::TooManyAtOnce(MAX_AT_ONCE)),
            UNSKETCHED => is_whole = false,
            _ => {}
        }
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if let (Some(read), Some(answer)) = (reads.get(number), answers.get_mut(number)) {
            answer.push((row.get("client_id"), decode(&read.question, &row)?));
        }
        Ok(())
    };
    session.each_once(&sql, &statement.parameters(), take).await?;
    Ok(is_whole.then_some(answers))
}

/// How many times as large what is read of a question is in memory as on its way: a bin of a histogram takes 2 to 3 bytes packed and 16 otherwise, registers take
/// a byte each instead of six bits.
fn growth(read: &Read) -> usize {
    match read.question.sketch {
        Some((_, SketchKind::Percentiles)) => 8,
        Some((_, SketchKind::Distinct)) => 2,
        None => 1,
    }
}

/// What became of one question of [`read_each`].
#[derive(Debug)]
pub enum Answer {
    /// Its rows.
    Rows(Vec<(Uuid, Row)>),
    /// It can't be answered, whatever else is asked.
    Refused(Error),
    /// The statement failed in which it was asked with others: it is to be asked again in less company, for it may be at fault.
    InCompany,
    /// There was no time, or no room, left for it.
    Later,
}

/// What is done about a statement of many questions that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It is asked again in halves, until the question at fault stands alone. One that took too long is not: halves may take as long each, and who waits for
    /// other answers would wait for all of them.
    Halve,
    /// Its questions are told to be [`Answer::InCompany`].
    Leave,
}

/// Reads questions that have nothing to do with each other, so that one which can't be answered is refused alone. It is one statement for every
/// [`MAX_BRANCHES`] questions. After `until` no further statement is begun.
///
/// # Errors
/// When the server can't be reached, or fails by itself.
pub async fn read_each(
    session: &Session,
    reads: &[Read],
    until: Instant,
    on_failure: OnFailure,
) -> Result<Vec<Answer>, Error> {
    let mut answers: Vec<Answer> = reads.iter().map(|_| Answer::Later).collect();
    // What is still to be asked, the next one last.
    let mut spans: Vec<Range<usize>> = (0..reads.len())
        .step_by(MAX_BRANCHES)
        .map(|from| from..reads.len().min(from + MAX_BRANCHES))
        .rev()
        .collect();
    let (mut rows, mut is_first, mut has_failed) = (0, true, false);
    while let Some(span) = spans.pop() {
        if !is_first && (rows > MAX_ROWS_TOGETHER || Instant::now() >= until) {
            if has_failed {
                // Else the next try would end at the same place.
                let left = spans.into_iter().chain([span]).flatten();
                left.for_each(|question| answers[question] = Answer::InCompany);
            }
            break;
        }
        is_first = false;
        match read(session, &reads[span.clone()], None).await {
            Ok(found) => {
                for (answer, found) in answers[span].iter_mut().zip(found) {
                    rows += found.len();
                    *answer = Answer::Rows(found);
                }
            }
            Err(error) if !error.is_of_statement() => return Err(error),
            Err(error) if span.len() == 1 => answers[span.start] = Answer::Refused(error),
            Err(error) if on_failure == OnFailure::Leave || error.is_out_of_time() => {
                tracing::warn!(questions = span.len(), cause = %error, "a read failed; asking in less company");
                has_failed = true;
                span.for_each(|question| answers[question] = Answer::InCompany);
            }
            Err(error) => {
                has_failed = true;
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
    numbers: Vec<(usize, Vec<i32>)>,
    times: Vec<(usize, Timestamp)>,
    many_times: Vec<(usize, Vec<Timestamp>)>,
    texts: Vec<(usize, Vec<String>)>,
    constants: Constants,
    next: usize,
    /// Whether facts of hours without sketches are read as well.
    reads_unsketched: bool,
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

    fn many_numbers(&mut self, numbers: Vec<i32>) -> String {
        let place = self.place();
        self.numbers.push((place, numbers));
        format!("${place}")
    }

    /// An instant. PostgreSQL's calendar begins in 4713 BC, later than ours; no fact is before 1990.
    fn time(&mut self, time: Timestamp) -> String {
        let place = self.place();
        self.times.push((place, time.max(Timestamp::UNIX_EPOCH)));
        format!("${place}")
    }

    fn many_times(&mut self, times: impl Iterator<Item = Timestamp>) -> String {
        let place = self.place();
        let times = times.map(|time| time.max(Timestamp::UNIX_EPOCH)).collect();
        self.many_times.push((place, times));
        format!("${place}")
    }

    /// Texts to compare with.
    fn values(&mut self, values: &BTreeSet<String>) -> String {
        self.many_texts(possible(values).cloned().collect())
    }

    fn many_texts(&mut self, texts: Vec<String>) -> String {
        let place = self.place();
        self.texts.push((place, texts));
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
            self.numbers
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::INT4_ARRAY))),
        );
        placed.extend(
            self.times
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::TIMESTAMPTZ))),
        );
        placed.extend(
            self.many_times
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::TIMESTAMPTZ_ARRAY))),
        );
        placed.extend(
            self.texts
                .iter()
                .map(|(place, value)| (*place, (value as &(dyn ToSql + Sync), Type::TEXT_ARRAY))),
        );
        placed.extend(self.constants.parameters());
        placed.into_values().collect()
    }

    /// The stale ranges of the clients inside the times of their questions, read once for all branches (Community edition).
    fn stale(&mut self, reads: &[Read], edition: Edition) -> Option<String> {
        if edition == Edition::Apache {
            return None;
        }
        let [clients, from, to] = self.hulls(reads.iter());
        Some(format!(
            "stale AS MATERIALIZED (
                SELECT volume, client_id, entity_id, from_time, to_time FROM core.stale_ranges_within({clients}, {from}, {to})
            )"
        ))
    }

    /// The clients of some reads, and between what times the questions of each are.
    fn hulls<'r>(&mut self, reads: impl Iterator<Item = &'r Read>) -> [String; 3] {
        let mut hulls: BTreeMap<Uuid, (Timestamp, Timestamp)> = BTreeMap::new();
        for read in reads {
            let (from, to) = (read.question.range.from, read.question.range.to);
            for (client, _) in &read.members {
                let hull = hulls.entry(*client).or_insert((from, to));
                *hull = (hull.0.min(from), hull.1.max(to));
            }
        }
        let clients = self.clients(&hulls.keys().copied().collect::<Vec<_>>());
        let from = self.many_times(hulls.values().map(|(from, _)| *from));
        // The last bucket may reach further than what is asked for.
        let to = self.many_times(hulls.values().map(|(_, to)| to.checked_add(A_DAY).unwrap_or(*to)));
        [clients, from, to]
    }

    /// One question as a SELECT of the common shape.
    fn branch(&mut self, edition: Edition, number: usize, read: &Read) -> Result<String, Error> {
        let question = &read.question;
        if question.is_pushed() {
            return self.pushed(number, read);
        }
        let grouping = match question.source {
            Source::Rollup(index) => question.entity.groupings().get(index),
            Source::Raw => None,
        };
        if let (Some(sketch), Some(grouping)) = (&question.sketch, grouping) {
            return self.sketched(number, read, grouping, sketch);
        }
        let columns = Columns::of(read, grouping)?;
        // What is not moved up yet has no such index, and aggregates have none at all.
        let found_by = grouping.filter(|_| edition == Edition::Apache && is_found_by_dimension(question.level));
        let scope = Scope {
            clients: self.clients(&read.members.iter().map(|(client, _)| *client).collect::<Vec<_>>()),
            entities: self.many_numbers(read.members.iter().map(|(_, entity)| *entity).collect()),
            from: self.time(question.range.from),
            to: self.time(question.range.to),
            hours: question.hours,
            filter: self.filter(question, &columns),
            found_by: found_by.map_or_else(String::new, |grouping| self.found_by(question, grouping)),
        };
        let parts = match grouping {
            None => vec![raw(read, &columns, &scope)],
            Some(grouping) if edition == Edition::Apache => apache(read, grouping, &columns, &scope)?,
            Some(grouping) => community(read, grouping, &columns, &scope)?,
        };
        let dimensions = (1..=question.dimensions.len()).map(|number| format!("d{number}"));
        let dimensions: Vec<String> = dimensions.collect();
        let group: String = dimensions.iter().map(|name| format!(", {name}")).collect();
        let bucket = self.binned(question);
        Ok(format!(
            "(SELECT {number}::int AS question, client_id, {bucket} AS bucket, ARRAY[{}]::text[] AS dimensions, {} AS facts, ARRAY[{}]::numeric[] AS states,
                NULL::bytea AS sketch
             FROM ({}) AS parts GROUP BY client_id, {bucket}{group})",
            dimensions.join(", "),
            columns.facts(),
            columns.merged().join(", "),
            parts.join(" UNION ALL ")
        ))
    }

    /// The start of the bin that a part's bucket is summed up in. Bins are cut in UTC; TimescaleDB's `time_bucket` with a time zone would make the two hours of an
    /// autumn night one. No fact is before the first of them, where PostgreSQL's versions differ.
    fn binned(&mut self, question: &Question) -> String {
        if question.bins == Bins::of(question.level) {
            return "parts.bucket".to_owned();
        }
        match &question.bins {
            Bins::Even { length_us, origin_us } => format!(
                "date_bin('{length_us} microseconds', parts.bucket, 'epoch'::timestamptz + interval '{origin_us} microseconds')"
            ),
            Bins::Between(instants) => {
                let instants = self.many_times(instants.iter().copied());
                format!("({instants})[width_bucket(parts.bucket, {instants})]")
            }
            // Of facts alone, which are read elsewhere.
            Bins::Windows(_) => "parts.bucket".to_owned(),
        }
    }

    /// Dimension filters that the database can apply; the answer applies them all again.
    fn filter(&mut self, question: &Question, columns: &Columns<'_>) -> String {
        let mut sql = String::new();
        for (name, values) in comparable(question) {
            if let Some(column) = columns.filters.get(name) {
                sql.push_str(&format!(" AND {column} = ANY ({})", self.values(values)));
            }
        }
        sql
    }

    /// The same as conditions on the indexes by dimension of a grouping's rows. The hashes are known when the statement is planned, and so how few rows they have.
    fn found_by(&mut self, question: &Question, grouping: &GroupingDefinition) -> String {
        let mut sql = String::new();
        for (name, values) in comparable(question) {
            if let Some(place) = grouping.dimensions.iter().position(|dimension| dimension == name) {
                let (hash, count) = (hash_of(place + 1), possible(values).count());
                let values = self.values(values);
                let hashes = (1..=count).map(|number| format!("hashtext(({values})[{number}])"));
                let hashes: Vec<String> = hashes.collect();
                sql.push_str(&format!(" AND {hash} = ANY (ARRAY[{}]::integer[])", hashes.join(", ")));
            }
        }
        sql
    }
}

/// Those of some texts that a fact can have: one with U+0000 is in none, and PostgreSQL can't even be asked for it.
fn possible(values: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    values.iter().filter(|value| !value.contains('\0'))
}

/// The filters whose values are in columns as people write them. A missing value is written as the empty text, which has no counterpart there; only texts are
/// compared, since what else people write for a value is for the answer to judge.
fn comparable(question: &Question) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
    question.filter.iter().filter(|(name, values)| {
        let attributes = question.entity.stored_attributes().iter();
        let mut found = attributes.filter(|attribute| attribute.name == **name);
        found.any(|attribute| attribute.kind == AttributeType::Text) && !values.contains("")
    })
}
