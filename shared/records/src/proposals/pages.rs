//! Proposals, in pages: what a list says of each.

use database::{Database, Error};
use jiff::Timestamp;
use jiff::civil::Date;
use proposal::lifecycle::Outcome;
use uuid::Uuid;

use super::unreadable;
use crate::lists::{Found, List, Selection};

/// A proposal in a list.
#[derive(Clone, Debug)]
pub struct ListedProposal {
    /// Identity.
    pub id: Uuid,
    /// Name of the project.
    pub name: String,
    /// Number of KPIs in its cart.
    pub kpis: i32,
    /// Counts the revisions.
    pub revision: i32,
    /// Counts the changes of whatever kind.
    pub version: i32,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Of the latest revision, unless it is a draft: what became of it, and the last day on which it can be accepted.
    pub issued: Option<(Outcome, Date)>,
}

/// Which proposals are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only those whose latest revision stands so on the day `today`: `draft`, `issued`, `accepted`, `declined`, `expired` or `superseded`.
    pub state: Option<&'a str>,
    /// The day, by the client's calendar.
    pub today: Date,
    /// Only those with this text in their name, in upper or lower case.
    pub search: Option<&'a str>,
    /// Only those before the one that was begun then and is this.
    pub after: Option<(Timestamp, Uuid)>,
}

database::row! {
    struct Row {
        id: Uuid,
        name: String,
        kpis: i32,
        revision: i32,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
        outcome: Option<String>,
        valid_until: Option<Date>,
    }
}

const LIST: List = List {
    table: "core.proposals",
    name: "p",
    order: "p.created_at DESC, p.id DESC",
    columns: "p.id, p.name, coalesce(jsonb_array_length(p.answers #> '{kpi_selection,kpis}'), 0) AS kpis, p.revision, p.version,
        p.created_at, p.updated_at, r.outcome, r.valid_until",
    joins: "LEFT JOIN core.proposal_revisions r ON r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision",
};

/// Where the latest revision stands on a day, as [`Outcome::state`] says.
const STATE: &str = "coalesce((
        SELECT CASE WHEN r.outcome = 'open' AND {}::date > r.valid_until THEN 'expired' WHEN r.outcome = 'open' THEN 'issued' ELSE r.outcome END
        FROM core.proposal_revisions r WHERE r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision), 'draft') = {}";

/// A page of proposals, newest first, by when they were begun and their identities.
///
/// # Errors
/// When the statement fails or what is stored can't be read.
pub async fn list(
    database: &Database,
    client: Uuid,
    wanted: &Wanted<'_>,
    most: i64,
) -> Result<Found<ListedProposal, (Timestamp, Uuid)>, Error> {
    let state = wanted.state.map(|state| (wanted.today, state));
    let mut selection = Selection::of(&client);
    selection.found_by_two("(p.created_at, p.id) < ({}, {})", wanted.after.as_ref());
    selection.matching_two(STATE, state.as_ref());
    selection.matching("strpos(lower(p.name), lower({}::text)) > 0", wanted.search.as_ref());
    let found = selection
        .read(database, &LIST, most, |row: &Row| (row.created_at, row.id))
        .await?;
    let rows: Result<_, Error> = found.rows.into_iter().map(Row::read).collect();
    Ok(Found {
        rows: rows?,
        reached: found.reached,
    })
}

impl Row {
    fn read(self) -> Result<ListedProposal, Error> {
        let issued = match (self.outcome, self.valid_until) {
            (Some(outcome), Some(valid_until)) => {
                let known = Outcome::named(&outcome);
                let known = known.ok_or_else(|| unreadable(format!("outcome of proposal {}", self.id), outcome))?;
                Some((known, valid_until))
            }
            _ => None,
        };
        Ok(ListedProposal {
            id: self.id,
            name: self.name,
            kpis: self.kpis,
            revision: self.revision,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            issued,
        })
    }
}
