//! Several requests of a client that are answered as one, so that all are of the same facts: a KPI and what it is held against, and many such questions.

use std::collections::BTreeMap;

use catalog::{Kpi, Mode};
use database::{Database, Error};
use records::definitions::ClientCatalog;
use series::plan::sketched::{self, Told};
use series::windows::{self, Described};
use series::{Calendar, Point, Request, SeriesKey};
use uuid::Uuid;

use crate::ask::{AskError, Step, steps};
use crate::batch::{Answers, Asked, Batch};

/// What several requests come to, in their order.
pub struct Together {
    /// Of each request a point for every bucket and group that has facts which count. Those after the first have what is known of buckets ahead too.
    pub points: Vec<BTreeMap<SeriesKey, Point>>,
    /// What was read for all of them.
    pub plan: Vec<Step>,
    /// What the windows of their formulas are, by which rules, each once.
    pub windows: Vec<Described>,
    /// How the measures of the requests are answered that the mode `approximate` is for, where that is their mode; each once.
    pub told: Vec<Told>,
}

/// Requests that are answered as one, asked in one calendar.
pub struct Asking<'a> {
    /// The calendar.
    pub calendar: &'a Calendar,
    /// The first one, and what it is held against.
    pub requests: Vec<Request<'a>>,
}

/// Answers requests of a client, with its definitions, asked in a calendar. What reads the same facts is read once, and all in one statement.
///
/// # Errors
/// When one of them can't be answered as it is asked, or the database fails.
pub async fn ask_together(
    database: &Database,
    client: Uuid,
    definitions: &ClientCatalog,
    calendar: &Calendar,
    requests: &[Request<'_>],
) -> Result<Together, AskError> {
    let asking = Asking {
        calendar,
        requests: requests.to_vec(),
    };
    let answers = ask_many(database, client, definitions, std::slice::from_ref(&asking)).await?;
    let answer = answers.into_iter().next();
    let answer = answer.ok_or_else(|| AskError::Refused("nothing was asked".to_owned()))?;
    answer.map_err(AskError::Refused)
}

/// Answers many such questions of a client at once, with its definitions: all are of the same facts, read in one statement, and what several of them read is read
/// once. The answers are in the order of the questions; one that can't be answered as it is asked says why, and spoils no other.
///
/// # Errors
/// When there is too much to read for all of them together, or the database fails.
pub async fn ask_many(
    database: &Database,
    client: Uuid,
    definitions: &ClientCatalog,
    asking: &[Asking<'_>],
) -> Result<Vec<Result<Together, String>>, AskError> {
    let told: Vec<Result<Vec<Told>, String>> = asking.iter().map(|one| told(definitions, one)).collect();
    let is_approximate = told.iter().flatten().flatten().any(|told| told.from.is_ok());
    match once(database, client, definitions, asking).await {
        // Hours that have no sketches yet may have more facts than are read, which the database has no need to send.
        Err(AskError::Refused(_)) if is_approximate => {
            let exact: Vec<Vec<Kpi>> = asking.iter().map(exactly).collect();
            let asking: Vec<Asking<'_>> = asking.iter().zip(&exact).map(of_kpis).collect();
            let answers = once(database, client, definitions, &asking).await?;
            Ok(with_told(answers, told.into_iter().map(|told| told.map(too_much))))
        }
        answers => Ok(with_told(answers?, told)),
    }
}

/// How the measures of requests are answered, each told once.
fn told(definitions: &ClientCatalog, asking: &Asking<'_>) -> Result<Vec<Told>, String> {
    let readable = |code: &str| definitions.placed.get(code).map(|placed| &placed.readable);
    let mut told: Vec<Told> = Vec::new();
    for request in &asking.requests {
        let of_request = sketched::told(request, asking.calendar, readable)?;
        let new: Vec<Told> = of_request.into_iter().filter(|one| !told.contains(one)).collect();
        told.extend(new);
    }
    Ok(told)
}

/// What is told where sketches would have done, and too much would have been read.
fn too_much(told: Vec<Told>) -> Vec<Told> {
    let reason = "what would be read of sketches, and of facts that have none yet, is too much for one statement";
    let exactly = |told: Told| Told {
        from: told.from.and(Err(reason.to_owned())),
        ..told
    };
    told.into_iter().map(exactly).collect()
}

fn with_told(
    answers: Vec<Result<Together, String>>,
    told: impl IntoIterator<Item = Result<Vec<Told>, String>>,
) -> Vec<Result<Together, String>> {
    let answers = answers.into_iter().zip(told);
    let one =
        |(answer, told): (Result<Together, String>, Result<Vec<Told>, String>)| Ok(Together { told: told?, ..answer? });
    answers.map(one).collect()
}

/// The KPIs of requests as they are answered exactly.
fn exactly(asking: &Asking<'_>) -> Vec<Kpi> {
    let requests = asking.requests.iter();
    requests.map(|request| request.kpi.in_mode(Mode::Exact)).collect()
}

/// The same requests of other KPIs.
fn of_kpis<'a>((asking, kpis): (&Asking<'a>, &'a Vec<Kpi>)) -> Asking<'a> {
    let requests = asking.requests.iter().zip(kpis);
    Asking {
        calendar: asking.calendar,
        requests: requests
            .map(|(request, kpi)| Request { kpi, ..request.clone() })
            .collect(),
    }
}

/// What is known of a question before it is read: its requests as parts of the batch, and their windows.
type Planned = (Vec<Asked>, Vec<Described>);

/// Answers them in the modes of their KPIs.
async fn once(
    database: &Database,
    client: Uuid,
    definitions: &ClientCatalog,
    asking: &[Asking<'_>],
) -> Result<Vec<Result<Together, String>>, AskError> {
    let mut batch = Batch::default();
    let planned = asking.iter().map(|one| plan(&mut batch, client, definitions, one));
    let planned: Vec<Result<Planned, String>> = planned.collect();
    // Where the definitions are from. Whoever reads them looks first whether they are still right, and so whether the client is still there.
    let session = database.session_at(definitions.residence).await;
    let session = session.map_err(AskError::Database)?;
    let answers = batch.read(&session, client).await.map_err(|error| match error {
        // Too large an answer is the caller's to change; anything else is not.
        Error::TooMuch(detail) => AskError::Refused(detail),
        Error::TooManyAtOnce(most) => AskError::TooManyAtOnce(most),
        other => AskError::Database(other),
    })?;
    // A function has one connection, which what is noted needs as well.
    drop(session);
    facts::ungrouped::note(database, client, batch.all_reads()).await;
    let finished = planned.into_iter().zip(asking);
    let finished = finished.map(|(planned, asking)| finish(&batch, &answers, planned?, asking));
    Ok(finished.collect())
}

fn plan(batch: &mut Batch, client: Uuid, definitions: &ClientCatalog, asking: &Asking<'_>) -> Result<Planned, String> {
    let mut windows: Vec<Described> = Vec::new();
    for request in &asking.requests {
        let described = windows::described(request, asking.calendar)?;
        let new: Vec<Described> = described.into_iter().filter(|one| !windows.contains(one)).collect();
        windows.extend(new);
    }
    let requests = asking.requests.iter();
    let asked = requests.map(|request| batch.add(client, definitions, asking.calendar, request));
    Ok((asked.collect::<Result<_, _>>()?, windows))
}

fn finish(
    batch: &Batch,
    answers: &Answers<'_>,
    (asked, windows): Planned,
    asking: &Asking<'_>,
) -> Result<Together, String> {
    let points = asked.iter().zip(&asking.requests).enumerate();
    let points = points.map(|(place, (asked, request))| match place {
        0 => answers.points(asked, request),
        // What the first one is held against is known before its bucket begins.
        _ => answers.points_ahead(asked, request),
    });
    let points: Option<Vec<_>> = points.collect();
    let points = points.ok_or_else(windows::too_many_values)?;
    Ok(Together {
        points,
        plan: steps(asked.iter().flat_map(|asked| batch.reads(asked))),
        windows,
        told: Vec::new(),
    })
}
