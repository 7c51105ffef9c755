//! Several requests of a client that are answered as one, so that all are of the same facts: a KPI, and what it is held against.

use std::collections::BTreeMap;

use catalog::{Kpi, Mode};
use database::{Database, Error};
use records::definitions::ClientCatalog;
use series::plan::sketched::{self, Told};
use series::windows::{self, Described};
use series::{Calendar, Point, Request, SeriesKey};
use uuid::Uuid;

use crate::ask::{AskError, Step, steps};
use crate::batch::{Asked, Batch};

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
    let readable = |code: &str| definitions.placed.get(code).map(|placed| &placed.readable);
    let mut told: Vec<Told> = Vec::new();
    for request in requests {
        let of_request = sketched::told(request, calendar, readable).map_err(AskError::Refused)?;
        let new: Vec<Told> = of_request.into_iter().filter(|one| !told.contains(one)).collect();
        told.extend(new);
    }
    let answered = once(database, client, definitions, calendar, requests).await;
    if !matches!(answered, Err(AskError::Refused(_))) || told.iter().all(|told| told.from.is_err()) {
        return Ok(Together { told, ..answered? });
    }
    // Hours that have no sketches yet may have more facts than are read, which the database has no need to send.
    let exact: Vec<Kpi> = requests
        .iter()
        .map(|request| request.kpi.in_mode(Mode::Exact))
        .collect();
    let requests = requests.iter().zip(&exact);
    let requests: Vec<Request<'_>> = requests
        .map(|(request, kpi)| Request { kpi, ..request.clone() })
        .collect();
    let together = once(database, client, definitions, calendar, &requests).await?;
    let told = told.into_iter().map(|told| Told {
        from: told.from.and_then(|_| {
            Err(
                "what would be read of sketches, and of facts that have none yet, is too much for one statement"
                    .to_owned(),
            )
        }),
        ..told
    });
    Ok(Together {
        told: told.collect(),
        ..together
    })
}

/// Answers them in the modes of their KPIs.
async fn once(
    database: &Database,
    client: Uuid,
    definitions: &ClientCatalog,
    calendar: &Calendar,
    requests: &[Request<'_>],
) -> Result<Together, AskError> {
    let mut batch = Batch::default();
    let asked = requests
        .iter()
        .map(|request| batch.add(client, definitions, calendar, request));
    let asked: Vec<Asked> = asked.collect::<Result<_, _>>().map_err(AskError::Refused)?;
    let mut windows: Vec<Described> = Vec::new();
    for request in requests {
        let described = windows::described(request, calendar).map_err(AskError::Refused)?;
        let new: Vec<Described> = described.into_iter().filter(|one| !windows.contains(one)).collect();
        windows.extend(new);
    }
    // Where the definitions are from. Whoever reads them looks first whether they are still right, and so whether the client is still there.
    let session = database.session_at(definitions.residence).await;
    let session = session.map_err(AskError::Database)?;
    let answers = batch.read(&session, client).await.map_err(|error| match error {
        // Too large an answer is the caller's to change; anything else is not.
        Error::TooMuch(detail) => AskError::Refused(detail),
        Error::TooManyAtOnce(most) => AskError::TooManyAtOnce(most),
        other => AskError::Database(other),
    })?;
    let points = asked.iter().zip(requests).enumerate();
    let points = points.map(|(place, (asked, request))| match place {
        0 => answers.points(asked, request),
        // What the first one is held against is known before its bucket begins.
        _ => answers.points_ahead(asked, request),
    });
    let points: Option<Vec<_>> = points.collect();
    let points = points.ok_or_else(|| AskError::Refused(windows::too_many_values()))?;
    Ok(Together {
        points,
        plan: steps(asked.iter().flat_map(|asked| batch.reads(asked))),
        windows,
        told: Vec::new(),
    })
}
