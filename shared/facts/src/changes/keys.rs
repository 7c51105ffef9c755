//! What each key of a keyed entity has: the last fact that came for it, of those whose batches count.
//!
//! Whoever takes a batch out, or lets one count again, has some keys settled: where the last fact that counts is among the replaced ones, it is put back, in the
//! place of an earlier one where that is there. Which is the last is a matter of the numbers by which facts first came, so it makes no difference in which order
//! batches are undone and come back, or what others correct meanwhile. A deletion takes the key: what came for it before stays gone. What was replaced longer ago
//! than history is kept does so too.

use database::{Error, Session};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::compact::HISTORY;
use crate::place::Placed;

database::row! {
    /// A fact among the replaced ones that its key is to have.
    pub(super) struct Due {
        pub(super) key: Uuid,
        pub(super) batch_number: i64,
        pub(super) replaced_by: i64,
    }
}

/// What is due to some keys that have an earlier fact by now, or none. It looks for facts between the first and the last of the entity.
pub(super) async fn due(
    session: &Session,
    (client, placed): (Uuid, &Placed),
    keys: &[Uuid],
    [first, last]: [Timestamp; 2],
) -> Result<Vec<Due>, Error> {
    let volume = &placed.place.volume;
    let sql = format!(
        "WITH log AS MATERIALIZED (
             SELECT r.key, r.batch_number, r.replaced_by, coalesce(c.origin, r.batch_number) AS origin, coalesce(c.is_undone, false) AS is_undone,
                 h.id IS NOT NULL AS is_deleted
             FROM {replaced} r
             LEFT JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = r.batch_number
             LEFT JOIN core.commits s ON s.client_id = $1 AND s.entity_id = $2 AND s.batch_number = r.replaced_by
             LEFT JOIN core.changes h ON h.client_id = $1 AND h.id = s.batch_id AND h.kind = 'deletion'
             WHERE r.client_id = $1 AND r.entity_id = $2 AND r.key = ANY ($3) AND r.replaced_at >= now() - interval '{hours} hours'
         ), deleted AS (
             SELECT key, max(replaced_by) AS number FROM log WHERE is_deleted GROUP BY key
         ), live AS (
             SELECT f.key, max(coalesce(c.origin, f.batch_number)) AS origin FROM {facts} f
             LEFT JOIN core.commits c ON c.client_id = $1 AND c.entity_id = $2 AND c.batch_number = f.batch_number
             WHERE f.client_id = $1 AND f.entity_id = $2 AND f.key = ANY ($3) AND f.time >= $4 AND f.time <= $5 GROUP BY f.key
         )
         SELECT DISTINCT ON (log.key) log.key, log.batch_number, log.replaced_by
         FROM log LEFT JOIN deleted ON deleted.key = log.key LEFT JOIN live ON live.key = log.key
         WHERE NOT log.is_undone AND (deleted.number IS NULL OR log.origin > deleted.number) AND (live.origin IS NULL OR log.origin > live.origin)
         ORDER BY log.key, log.origin DESC, log.replaced_by DESC",
        replaced = volume.replaced(),
        facts = volume.facts(),
        hours = HISTORY.as_hours(),
    );
    let parameters: [&(dyn ToSql + Sync); 5] = [&client, &placed.place.id, &keys, &first, &last];
    session.rows(&sql, &parameters).await
}
