//! Service proposals: drafts, in versions, and the revisions that were issued.

mod change;
mod pages;

pub use change::{ChangedBy, Offer, ProposalChange, change};
pub use pages::{ListedProposal, Wanted, list};

use database::{Database, Error, Session, json};
use jiff::Timestamp;
use jiff::civil::Date;
use proposal::lifecycle::Outcome;
use proposal::{Answers, Terms};
use schedule::Team;
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Most revisions of a proposal: a negotiation with more has begun anew long ago.
pub const MAX_REVISIONS: i32 = 100;

/// A proposal with its latest revision.
#[derive(Clone, Debug)]
pub struct StoredProposal {
    /// Identity.
    pub id: Uuid,
    /// Name of the project.
    pub name: String,
    /// Version of the price book that it was begun with.
    pub price_book: String,
    /// The answers so far.
    pub answers: Answers,
    /// The terms so far.
    pub terms: Terms,
    /// Who is asked to do the work, and from when; `None` while nothing is planned.
    pub team: Option<Team>,
    /// Counts the revisions.
    pub revision: i32,
    /// Counts the changes of whatever kind.
    pub version: i32,
    /// When it was begun.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// By whom; `None` when it was not changed since it was begun.
    pub updated_by: Option<Actor>,
    /// Who gave discounts, currency and tax; `None` when nobody did.
    pub terms_by: Option<Actor>,
    /// The latest revision as it was issued; `None` while it is a draft.
    pub issued: Option<IssuedRevision>,
}

/// A revision that was issued.
#[derive(Clone, Debug)]
pub struct IssuedRevision {
    /// Its number.
    pub revision: i32,
    /// When.
    pub issued_at: Timestamp,
    /// By whom.
    pub issued_by: Actor,
    /// The last day on which it can be accepted.
    pub valid_until: Date,
    /// What became of it.
    pub outcome: Outcome,
    /// When that was decided.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<Actor>,
    /// Why it was declined.
    pub reason: Option<String>,
}

/// Who did something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The user.
    pub user: Uuid,
    /// Its e-mail address; `None` when the user is gone.
    pub email: Option<String>,
}

/// An issued revision with what stands in it, as JSON.
#[derive(Clone, Debug)]
pub struct RevisionContents {
    /// When, by whom, and what became of it.
    pub issued: IssuedRevision,
    /// [`Answers`].
    pub answers: Value,
    /// [`Terms`].
    pub terms: Value,
    /// [`proposal::Quote`].
    pub quote: Value,
    /// The plan, when there was one.
    pub plan: Option<Value>,
}

/// A new proposal.
#[derive(Clone, Copy, Debug)]
pub struct NewDraft<'a> {
    /// Its identity: made from the idempotency key when there is one.
    pub id: Uuid,
    /// The request that begins it, when it has an idempotency key.
    pub request: Option<Uuid>,
    /// Name of the project.
    pub name: &'a str,
    /// Version of the price book.
    pub price_book: &'a str,
    /// The cart.
    pub answers: &'a Answers,
    /// Who begins it.
    pub user: Uuid,
}

/// How a beginning ended.
#[derive(Clone, Debug)]
pub enum Creation {
    /// With this proposal: now, or by the same request before.
    As(Box<StoredProposal>),
    /// The idempotency key was used for another request.
    KeyUsed,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is stored.
    Done,
    /// Somebody else was faster: it has this version now.
    Stale(i32),
    /// The client has no such proposal.
    Missing,
}

/// What `stored` and `issued` read.
const COLUMNS: &str = "p.id, p.name, p.price_book, p.answers, p.terms, p.team, p.revision, p.version, p.created_at, p.updated_at,
    p.created_by, c.email AS creator, p.updated_by, u.email AS updater, p.terms_by, t.email AS giver,
    r.revision AS issued_revision, r.issued_at, r.issued_by, i.email AS issuer, r.valid_until, r.outcome, r.decided_at, r.decided_by, d.email AS decider, r.reason";

/// People by their addresses.
const PEOPLE: &str = "LEFT JOIN core.users i ON i.client_id = r.client_id AND i.id = r.issued_by
    LEFT JOIN core.users d ON d.client_id = r.client_id AND d.id = r.decided_by";

fn selected(condition: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM core.proposals p
         LEFT JOIN core.proposal_revisions r ON r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision
         {PEOPLE}
         LEFT JOIN core.users c ON c.client_id = p.client_id AND c.id = p.created_by
         LEFT JOIN core.users u ON u.client_id = p.client_id AND u.id = p.updated_by
         LEFT JOIN core.users t ON t.client_id = p.client_id AND t.id = p.terms_by
         WHERE p.client_id = $1 AND {condition}"
    )
}

fn unreadable(place: String, cause: impl std::fmt::Display) -> Error {
    let cause = cause.to_string();
    Error::Stored { place, cause }
}

database::row! {
    struct ProposalRow {
        id: Uuid,
        name: String,
        price_book: String,
        answers: Value,
        terms: Value,
        team: Option<Value>,
        revision: i32,
        version: i32,
        created_at: Timestamp,
        created_by: Uuid,
        creator: Option<String>,
        updated_at: Timestamp,
        updated_by: Option<Uuid>,
        updater: Option<String>,
        terms_by: Option<Uuid>,
        giver: Option<String>,
        issued_revision: Option<i32>,
        issued_at: Option<Timestamp>,
        issued_by: Option<Uuid>,
        issuer: Option<String>,
        valid_until: Option<Date>,
        outcome: Option<String>,
        decided_at: Option<Timestamp>,
        decided_by: Option<Uuid>,
        decider: Option<String>,
        reason: Option<String>,
    }
}

impl ProposalRow {
    fn read(self) -> Result<StoredProposal, Error> {
        let id = self.id;
        let wrong = |what: &str, error: serde_json::Error| unreadable(format!("{what} of proposal {id}"), error);
        let issued = match (
            self.issued_revision,
            self.issued_at,
            self.issued_by,
            self.valid_until,
            self.outcome,
        ) {
            (Some(issued_revision), Some(issued_at), Some(issued_by), Some(valid_until), Some(outcome)) => Some(
                IssuedRow {
                    issued_revision,
                    issued_at,
                    issued_by,
                    issuer: self.issuer,
                    valid_until,
                    outcome,
                    decided_at: self.decided_at,
                    decided_by: self.decided_by,
                    decider: self.decider,
                    reason: self.reason,
                }
                .read()?,
            ),
            _ => None,
        };
        let team = self.team.map(serde_json::from_value).transpose();
        Ok(StoredProposal {
            id,
            name: self.name,
            price_book: self.price_book,
            answers: serde_json::from_value(self.answers).map_err(|error| wrong("answers", error))?,
            terms: serde_json::from_value(self.terms).map_err(|error| wrong("terms", error))?,
            team: team.map_err(|error| wrong("team", error))?,
            revision: self.revision,
            version: self.version,
            created_at: self.created_at,
            created_by: Actor {
                user: self.created_by,
                email: self.creator,
            },
            updated_at: self.updated_at,
            updated_by: actor(self.updated_by, self.updater),
            terms_by: actor(self.terms_by, self.giver),
            issued,
        })
    }
}

database::row! {
    struct IssuedRow {
        issued_revision: i32,
        issued_at: Timestamp,
        issued_by: Uuid,
        issuer: Option<String>,
        valid_until: Date,
        outcome: String,
        decided_at: Option<Timestamp>,
        decided_by: Option<Uuid>,
        decider: Option<String>,
        reason: Option<String>,
    }
}

impl IssuedRow {
    fn read(self) -> Result<IssuedRevision, Error> {
        let revision = self.issued_revision;
        Ok(IssuedRevision {
            revision,
            issued_at: self.issued_at,
            issued_by: Actor {
                user: self.issued_by,
                email: self.issuer,
            },
            valid_until: self.valid_until,
            outcome: Outcome::named(&self.outcome)
                .ok_or_else(|| unreadable(format!("outcome of revision {revision}"), self.outcome))?,
            decided_at: self.decided_at,
            decided_by: actor(self.decided_by, self.decider),
            reason: self.reason,
        })
    }
}

fn actor(user: Option<Uuid>, email: Option<String>) -> Option<Actor> {
    user.map(|user| Actor { user, email })
}

/// Stores a new proposal, once for an idempotency key.
///
/// # Errors
/// When a statement fails.
pub async fn create(database: &Database, client: Uuid, new: &NewDraft<'_>) -> Result<Creation, Error> {
    let work = async |session: &Session| created(session, client, new).await;
    database.transaction(client, work).await
}

async fn created(session: &Session, client: Uuid, new: &NewDraft<'_>) -> Result<Creation, Error> {
    let answers = json(new.answers)?;
    session
        .execute(
            "INSERT INTO core.proposals (client_id, id, name, price_book, answers, request, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            &[
                &client,
                &new.id,
                &new.name,
                &new.price_book,
                &answers,
                &new.request,
                &new.user,
            ],
        )
        .await?;
    let sql = selected("p.id = $2 AND p.request IS NOT DISTINCT FROM $3");
    let parameters: [&(dyn ToSql + Sync); 3] = [&client, &new.id, &new.request];
    let found: Option<ProposalRow> = session.row(&sql, &parameters).await?;
    let found = found.map(ProposalRow::read).transpose()?;
    Ok(found.map_or(Creation::KeyUsed, |found| Creation::As(Box::new(found))))
}

/// One proposal; `None` when the client has no such one.
///
/// # Errors
/// When the statement fails or what is stored can't be read.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<StoredProposal>, Error> {
    let sql = selected("p.id = $2");
    let found: Option<ProposalRow> = database.of(client).row(&sql, &[&client, &id]).await?;
    found.map(ProposalRow::read).transpose()
}

const ISSUED_COLUMNS: &str =
    "r.revision AS issued_revision, r.issued_at, r.issued_by, i.email AS issuer, r.valid_until, r.outcome, r.decided_at, r.decided_by,
    d.email AS decider, r.reason";

database::row! {
    struct QuoteTotals {
        totals: Value,
    }
}

/// The revisions that were issued with the totals of their quotes, oldest first.
///
/// # Errors
/// As [`find`].
pub async fn revisions(database: &Database, client: Uuid, id: Uuid) -> Result<Vec<(IssuedRevision, Value)>, Error> {
    let sql = format!(
        "SELECT {ISSUED_COLUMNS}, r.quote->'totals' AS totals FROM core.proposal_revisions r {PEOPLE}
         WHERE r.client_id = $1 AND r.proposal_id = $2 ORDER BY r.revision LIMIT $3"
    );
    let most = i64::from(MAX_REVISIONS);
    let rows: Vec<(IssuedRow, QuoteTotals)> = database.of(client).rows(&sql, &[&client, &id, &most]).await?;
    rows.into_iter()
        .map(|(issued, quote)| Ok((issued.read()?, quote.totals)))
        .collect()
}

database::row! {
    struct Contents {
        answers: Value,
        terms: Value,
        quote: Value,
        plan: Option<Value>,
    }
}

/// An issued revision, after the one that was issued before it.
///
/// # Errors
/// As [`find`].
pub async fn revision(
    database: &Database,
    client: Uuid,
    id: Uuid,
    revision: i32,
) -> Result<Vec<RevisionContents>, Error> {
    let sql = format!(
        "SELECT {ISSUED_COLUMNS}, r.answers, r.terms, r.quote, r.plan FROM core.proposal_revisions r {PEOPLE}
         WHERE r.client_id = $1 AND r.proposal_id = $2 AND r.revision <= $3 ORDER BY r.revision DESC LIMIT 2"
    );
    let rows: Vec<(IssuedRow, Contents)> = database.of(client).rows(&sql, &[&client, &id, &revision]).await?;
    let read = |(issued, contents): (IssuedRow, Contents)| {
        Ok(RevisionContents {
            issued: issued.read()?,
            answers: contents.answers,
            terms: contents.terms,
            quote: contents.quote,
            plan: contents.plan,
        })
    };
    rows.into_iter().rev().map(read).collect()
}

database::row! {
    struct IssuedQuote {
        quote: Value,
    }
}

/// The quote of an issued revision, as it was then.
///
/// # Errors
/// When the statement fails.
pub async fn issued_quote(database: &Database, client: Uuid, id: Uuid, revision: i32) -> Result<Option<Value>, Error> {
    let sql = "SELECT quote FROM core.proposal_revisions WHERE client_id = $1 AND proposal_id = $2 AND revision = $3";
    let found: Option<IssuedQuote> = database.of(client).row(sql, &[&client, &id, &revision]).await?;
    Ok(found.map(|found| found.quote))
}
