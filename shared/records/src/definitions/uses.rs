//! What uses a definition, so that it can't be deleted.

use std::sync::Arc;

use catalog::{Catalog, Kpi, Named};
use database::Error;
use facts::Placed;

use super::change::Change;

/// Users of a definition that a refusal names: as many as one looks at. More are told as such by the last of them.
pub const MAX_USERS: usize = 20;

/// Something that uses a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What it is: `the KPI ON_TIME_RATE`.
    pub what: String,
    /// What is to be done about it.
    pub way_out: String,
}

database::row! {
    struct UserRow {
        what: String,
        way_out: String,
    }
}

/// Proposals that are not ended whose answers have something: drafts, and offers that can still be accepted on this day of the client's. `answers` is what
/// they have, of `a.answers` and `$2`.
fn proposals(answers: &str) -> String {
    format!(
        "SELECT format('the proposal %s (%s)', p.name, p.id) AS what,
             'take it out of the draft, or have the offer declined or end: GET /v1/proposals/' || p.id AS way_out
         FROM core.proposals p
         WHERE p.client_id = $1 AND (
             EXISTS (SELECT FROM (SELECT p.answers) a WHERE {answers} AND NOT EXISTS (
                 SELECT FROM core.proposal_revisions r WHERE r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision))
             OR EXISTS (SELECT FROM core.proposal_revisions a WHERE a.client_id = p.client_id AND a.proposal_id = p.id AND a.outcome = 'open'
                 AND a.valid_until >= (now() AT TIME ZONE (SELECT c.time_zone FROM core.clients c WHERE c.id = $1))::date AND {answers}))"
    )
}

/// Companions that name a definition.
pub(super) fn naming(known: &Catalog, named: Named<'_>) -> Vec<User> {
    let companions = known.companions_of(named).into_iter();
    let users = companions.map(|companion| User {
        what: format!("the {} {}", companion.what, companion.code),
        way_out: format!(
            "delete it, or name something else in it: /v1/{}/{}",
            companion.collection, companion.code
        ),
    });
    users.collect()
}

/// KPIs that refer to a KPI, companions that name it, and offers and drafts that have it in their cart.
pub(super) async fn of_kpi(change: &Change<'_>, known: &Catalog, code: &str) -> Result<Vec<User>, Error> {
    let Change { session, client, .. } = change;
    let mut found = kpis(known.referrers(code));
    found.extend(naming(known, Named::Kpi(code)));
    // An offer that was issued before a rename has the code of then.
    let codes =
        "ARRAY(SELECT $2::text UNION ALL SELECT jsonb_array_elements_text(coalesce(k.definition -> 'formerly', '[]'))
        FROM core.kpis k WHERE k.client_id = $1 AND k.code = $2)";
    let has = format!("jsonb_exists_any(a.answers -> 'kpi_selection' -> 'kpis', {codes})");
    let sql = format!("{} LIMIT $3", proposals(&has));
    let rows = session.rows(&sql, &[client, &code, &most()]).await?;
    found.extend(users(rows));
    Ok(bounded(found))
}

/// KPIs as users, with what is to be done about each.
pub(super) fn kpis<'k>(found: impl Iterator<Item = &'k Arc<Kpi>>) -> Vec<User> {
    let found = found.take(MAX_USERS + 1).map(|kpi| User {
        what: format!("the KPI {}", kpi.code()),
        way_out: format!("delete it, or give it another formula: /v1/kpis/{}", kpi.code()),
    });
    found.collect()
}

/// KPIs that read an entity, companions that name it, and what is at work on it.
pub(super) async fn of_entity(change: &Change<'_>, known: &Catalog, placed: &Placed) -> Result<Vec<User>, Error> {
    let Change { session, client, .. } = change;
    let code = placed.entity.code();
    let readers = known.kpis().filter(|kpi| kpi.reads(code));
    let mut found = kpis(readers);
    found.extend(naming(known, Named::Entity(code)));
    let work = "SELECT format('the grouping %s, which is being filled', grouping_id) AS what,
            'wait until it is whole, or give it up: POST /v1/entities/' || $2::text || '/groupings/give-up' AS way_out
        FROM core.fillings WHERE client_id = $1 AND entity_id = $3
        UNION ALL
        SELECT 'its move to another volume', 'wait until it has ended' FROM core.moves WHERE client_id = $1 AND entity_id = $3
        UNION ALL
        SELECT format('the %s %s, which goes on', kind, id), 'wait until it is done' FROM core.changes
        WHERE client_id = $1 AND entity_id = $3 AND finished_at IS NULL
        UNION ALL
        SELECT format('the file %s, which is %s', key, state), 'wait until it is loaded: GET /v1/files' FROM core.files
        WHERE client_id = $1 AND entity = $2 AND state IN ('writing', 'replacing', 'undoing')
        UNION ALL
        SELECT format('the batch %s, which is half written', id), 'wait until it is written: GET /v1/batches/' || id FROM core.batches
        WHERE client_id = $1 AND entity = $2 AND next_position IS NOT NULL AND undone_by IS NULL AND begun_at > now() - interval '1 day'";
    let sql = format!(
        "SELECT what, way_out FROM ({work} UNION ALL {}) found LIMIT $4",
        proposals("jsonb_exists(a.answers -> 'data_integration', $2)")
    );
    let rows = session.rows(&sql, &[client, &code, &placed.place.id, &most()]).await?;
    found.extend(users(rows));
    Ok(bounded(found))
}

/// Deletions by filter that go on with an entity's facts: they name dimensions.
pub(super) async fn deletions(change: &Change<'_>, placed: &Placed) -> Result<Vec<User>, Error> {
    let sql = "SELECT format('the deletion %s, which goes on', id) AS what, 'wait until it is done' AS way_out FROM core.changes
        WHERE client_id = $1 AND entity_id = $2 AND finished_at IS NULL AND filter IS NOT NULL LIMIT $3";
    let rows = change
        .session
        .rows(sql, &[&change.client, &placed.place.id, &most()])
        .await?;
    Ok(users(rows))
}

fn most() -> i64 {
    i64::try_from(MAX_USERS + 1).unwrap_or(i64::MAX)
}

fn users(rows: Vec<UserRow>) -> Vec<User> {
    let users = rows.into_iter().map(|UserRow { what, way_out }| User { what, way_out });
    bounded(users.collect())
}

/// At most [`MAX_USERS`], and one that says so where there are more.
#[must_use]
pub fn bounded(mut users: Vec<User>) -> Vec<User> {
    if users.len() > MAX_USERS {
        users.truncate(MAX_USERS);
        users.push(User {
            what: "more".to_owned(),
            way_out: format!("the first {MAX_USERS} are named: try again when they do not use it any more"),
        });
    }
    users
}
