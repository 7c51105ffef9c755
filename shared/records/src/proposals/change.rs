//! What is done to proposals: each change in one transaction, with the event that tells of it.

use database::{Database, Error, Session, json};
use jiff::civil::Date;
use proposal::lifecycle::Outcome;
use proposal::{Answers, Quote, RequiredObjects, Terms};
use schedule::Team;
use serde_json::Value;
use uuid::Uuid;

use super::{ChangeOutcome, unreadable};
use crate::outbox::{self, PendingEvent};

/// What is done to a proposal.
#[derive(Clone, Copy, Debug)]
pub enum ProposalChange<'a> {
    /// Other answers.
    Answers(&'a Answers),
    /// Other terms.
    Terms(&'a Terms),
    /// Another team.
    Team(&'a Team),
    /// The draft is issued, and an open revision before it superseded.
    Issue(&'a Offer<'a>),
    /// An issued revision is accepted. A draft that was begun after it is given up.
    Accept {
        /// Which.
        revision: i32,
    },
    /// An issued revision is declined.
    Decline {
        /// Which.
        revision: i32,
        /// Why.
        reason: Option<&'a str>,
    },
    /// The next revision begins.
    Revise,
}

/// What is issued besides the draft's answers and terms.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// What it costs.
    pub quote: &'a Quote,
    /// What its KPIs need.
    pub required: &'a RequiredObjects,
    /// The day of the issue: offers that are open on it are superseded, and those that expired before stay as they are.
    pub today: Date,
    /// The last day on which it can be accepted.
    pub valid_until: Date,
    /// Who does the work, and when, as JSON; `None` when nothing is planned.
    pub plan: Option<&'a Value>,
}

/// Who changes a proposal, and what is told of it.
#[derive(Clone, Copy, Debug)]
pub struct ChangedBy<'a> {
    /// The client.
    pub client: Uuid,
    /// The user.
    pub user: Uuid,
    /// The event, which is sent when the change is stored.
    pub event: Option<&'a PendingEvent>,
}

/// Changes a proposal when it is still at the version that the change was decided on: the caller has looked at its state.
///
/// # Errors
/// When a statement fails; nothing is changed then.
pub async fn change(
    database: &Database,
    ChangedBy { client, user, event }: ChangedBy<'_>,
    (id, version): (Uuid, i32),
    change: ProposalChange<'_>,
) -> Result<ChangeOutcome, Error> {
    let work = async |session: &Session| {
        // Takes the row's lock: whoever changes the same proposal waits here, and then finds another version.
        let sql = "UPDATE core.proposals SET version = version + 1, updated_at = now(), updated_by = $4
            WHERE client_id = $1 AND id = $2 AND version = $3 RETURNING revision";
        let locked: Option<LockedRow> = session.row(sql, &[&client, &id, &version, &user]).await?;
        let Some(LockedRow { revision }) = locked else {
            let sql = "SELECT version FROM core.proposals WHERE client_id = $1 AND id = $2";
            let found: Option<VersionRow> = session.row(sql, &[&client, &id]).await?;
            return Ok(found.map_or(ChangeOutcome::Missing, |found| ChangeOutcome::Stale(found.version)));
        };
        if let Some(event) = event {
            outbox::append(session, event).await?;
        }
        apply(session, (client, user), (id, revision), change).await?;
        Ok(ChangeOutcome::Done)
    };
    database.transaction(client, work).await
}

database::row! {
    struct LockedRow {
        revision: i32,
    }
}

database::row! {
    struct VersionRow {
        version: i32,
    }
}

async fn apply(
    session: &Session,
    (client, user): (Uuid, Uuid),
    (id, revision): (Uuid, i32),
    change: ProposalChange<'_>,
) -> Result<(), Error> {
    match change {
        ProposalChange::Issue(offer) => issue(session, client, user, (id, revision), offer).await,
        ProposalChange::Accept { revision } => {
            decide(session, client, user, (id, revision), Outcome::Accepted, None).await?;
            give_up_draft(session, client, (id, revision)).await
        }
        ProposalChange::Decline { revision, reason } => {
            decide(session, client, user, (id, revision), Outcome::Declined, reason).await
        }
        ProposalChange::Answers(answers) => set(session, client, id, "answers = $3", &json(answers)?).await,
        ProposalChange::Terms(terms) => {
            set(session, client, id, "terms = $3", &json(terms)?).await?;
            set(session, client, id, "terms_by = $3", &user).await
        }
        ProposalChange::Team(team) => set(session, client, id, "team = $3", &json(team)?).await,
        ProposalChange::Revise => set(session, client, id, "revision = $3", &(revision + 1)).await,
    }
}

async fn set(
    session: &Session,
    client: Uuid,
    id: Uuid,
    assignment: &str,
    value: &(dyn tokio_postgres::types::ToSql + Sync),
) -> Result<(), Error> {
    let sql = format!("UPDATE core.proposals SET {assignment} WHERE client_id = $1 AND id = $2");
    let rows = session.execute(&sql, &[&client, &id, value]).await?;
    one(rows, id, "an assignment")
}

/// What concerns one row concerns exactly one: else the transaction is undone.
fn one(rows: u64, id: Uuid, what: &str) -> Result<(), Error> {
    if rows == 1 {
        return Ok(());
    }
    Err(unreadable(
        format!("proposal {id}"),
        format!("{what} concerned {rows} rows"),
    ))
}

/// The accepted revision is the latest again.
async fn give_up_draft(session: &Session, client: Uuid, (id, revision): (Uuid, i32)) -> Result<(), Error> {
    let rows = session
        .execute(
            "UPDATE core.proposals p SET revision = r.revision, answers = r.answers, terms = r.terms, terms_by = r.terms_by, team = r.team
             FROM core.proposal_revisions r
             WHERE p.client_id = $1 AND p.id = $2 AND r.client_id = $1 AND r.proposal_id = $2 AND r.revision = $3",
            &[&client, &id, &revision],
        )
        .await?;
    one(rows, id, "giving up a draft")
}

async fn issue(
    session: &Session,
    client: Uuid,
    user: Uuid,
    (id, revision): (Uuid, i32),
    offer: &Offer<'_>,
) -> Result<(), Error> {
    let (required, quote, plan) = (json(offer.required)?, json(offer.quote)?, offer.plan);
    session
        .execute(
            "UPDATE core.proposal_revisions SET outcome = 'superseded', decided_at = now(), decided_by = $3
             WHERE client_id = $1 AND proposal_id = $2 AND outcome = 'open' AND valid_until >= $4",
            &[&client, &id, &user, &offer.today],
        )
        .await?;
    let rows = session
        .execute(
            "INSERT INTO core.proposal_revisions
                 (client_id, proposal_id, revision, answers, terms, required, quote, issued_by, valid_until, plan, team, terms_by)
             SELECT client_id, id, revision, answers, terms, $4, $5, $6, $7, $8, team, terms_by FROM core.proposals
             WHERE client_id = $1 AND id = $2 AND revision = $3",
            &[
                &client,
                &id,
                &revision,
                &required,
                &quote,
                &user,
                &offer.valid_until,
                &plan,
            ],
        )
        .await?;
    one(rows, id, "an issue")
}

async fn decide(
    session: &Session,
    client: Uuid,
    user: Uuid,
    (id, revision): (Uuid, i32),
    outcome: Outcome,
    reason: Option<&str>,
) -> Result<(), Error> {
    let rows = session
        .execute(
            "UPDATE core.proposal_revisions SET outcome = $4, decided_at = now(), decided_by = $5, reason = $6
             WHERE client_id = $1 AND proposal_id = $2 AND revision = $3 AND outcome = 'open'",
            &[&client, &id, &revision, &outcome.name(), &user, &reason],
        )
        .await?;
    one(rows, id, "a decision")
}
