//! All rows of a client, out of one database's snapshot into another one's transaction.
//!
//! Ordinary tables have row-level security, under which PostgreSQL takes no COPY, so their rows come into a temporary table first. Facts and rollups
//! come directly. On the Community edition the aggregates are not copied: readers take the partials until they are refreshed.

use std::collections::BTreeMap;

use database::{Edition, Error, Session, identifier};
use facts::fill::stale;
use facts::sketches;
use facts::volume::{Volume, open_volume};
use facts::{Layout, Place};
use uuid::Uuid;

use super::COPIED;
use crate::clients::NO_PASSWORD;

/// Has both databases write values alike as text, by which they are compared.
const ALIKE: &str =
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'";

/// By how much the generation of each entity grows: by more than the upkeep, which goes on where the client was, lets it grow there until the end of the move.
/// So no generation of the one place is one of the other.
const GENERATIONS: i32 = 1_000;

database::row! {
    /// A column, as SQL names it and its type.
    #[derive(PartialEq, Eq)]
    struct Column {
        name: String,
        kind: String,
    }
}

database::row! {
    /// Rows of one entity, or all, and what they are.
    #[derive(Debug, PartialEq, Eq)]
    struct Sum {
        entity_id: i32,
        rows: i64,
        checksum: String,
    }
}

database::row! {
    struct EntityRow {
        id: i32,
        volume: String,
    }
}

database::row! {
    struct Found {
        is_there: bool,
    }
}

/// Checks that rows of one database can be in the other one, and that the client is there.
pub(super) async fn check(source: &Session, target: &Session, client: Uuid) -> Result<(), Error> {
    let editions = [source.edition().await?, target.edition().await?];
    if editions[0] != editions[1] {
        return Err(Error::NotMoved(format!(
            "a client moves between databases of one edition of TimescaleDB, and these are {} and {}",
            editions[0].name(),
            editions[1].name()
        )));
    }
    let sql = "SELECT EXISTS (SELECT FROM core.clients WHERE id = $1) AS is_there";
    let found: Option<Found> = source.row(sql, &[&client]).await?;
    if found.is_none_or(|found| !found.is_there) {
        return Err(Error::NotMoved(format!("there is no client {client}")));
    }
    source.batch(ALIKE).await?;
    target.batch(ALIKE).await
}

/// Copies all rows of a client, and compares them; how many there are.
pub(super) async fn all(source: &Session, target: &Session, client: Uuid, is_home: bool) -> Result<i64, Error> {
    let copy = Copy { source, target, client };
    let mut rows = 0;
    if !is_home {
        rows += copy.ordinary("clients", "id", &BTreeMap::new()).await?;
        // Nobody signs in at a cell: users are there for their names.
        let hash = BTreeMap::from([
            ("password_hash", format!("'{NO_PASSWORD}'")),
            ("has_accepted", "false".to_owned()),
        ]);
        rows += copy.ordinary("users", "client_id", &hash).await?;
    }
    let volume = open_volume(target, client).await?;
    let placed = BTreeMap::from([
        ("volume", format!("'{}'", volume.name().replace('\'', "''"))),
        // Who has mapped facts by where the entity was is refused.
        ("generation", format!("generation + {GENERATIONS}")),
    ]);
    for table in COPIED {
        let changed = if table == "entities" { &placed } else { &BTreeMap::new() };
        rows += copy.ordinary(table, "client_id", changed).await?;
    }
    Ok(rows + copy.volumes(&volume).await?)
}

struct Copy<'a> {
    source: &'a Session,
    target: &'a Session,
    client: Uuid,
}

impl Copy<'_> {
    /// Copies an ordinary table's rows, with other expressions for some columns.
    async fn ordinary(&self, table: &str, key: &str, changed: &BTreeMap<&str, String>) -> Result<i64, Error> {
        let name = format!("core.{}", identifier(table));
        let columns = self.columns(&name, &name).await?;
        let names = list(&columns, &BTreeMap::new());
        let values = list(&columns, changed);
        let Self { source, target, client } = self;
        let chosen = format!("SELECT {values} FROM {name} WHERE {key} = '{client}'");
        let arrived = format!("SELECT {names} FROM {name} WHERE {key} = '{client}'");
        let temporary = format!("CREATE TEMP TABLE arriving AS SELECT {names} FROM {name} WITH NO DATA");
        target.batch(&temporary).await?;
        let out = format!("COPY ({chosen}) TO STDOUT (FORMAT binary)");
        target
            .copy_from(source, &out, "COPY pg_temp.arriving FROM STDIN (FORMAT binary)")
            .await?;
        let insert = format!(
            "INSERT INTO {name} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM pg_temp.arriving; DROP TABLE pg_temp.arriving"
        );
        target.batch(&insert).await?;
        let sum = |select: &str| {
            format!(
                "SELECT 0 AS entity_id, count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS checksum FROM ({select}) t"
            )
        };
        self.compare(&name, &sum(&chosen), &sum(&arrived)).await
    }

    /// Copies the facts and rollups of all entities to a volume of the other database.
    async fn volumes(&self, to: &Volume) -> Result<i64, Error> {
        let sql = "SELECT id, volume FROM core.entities WHERE client_id = $1 ORDER BY id";
        let entities: Vec<EntityRow> = self.source.rows(sql, &[&self.client]).await?;
        let mut volumes: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for EntityRow { id, volume } in entities {
            volumes.entry(volume).or_default().push(id);
        }
        let edition = self.source.edition().await?;
        let mut rows = 0;
        for (volume, entities) in volumes {
            let from = Volume::named(volume);
            for (old, new) in from.tables(edition).iter().zip(to.tables(edition)) {
                rows += self.volume_table(old, &new, &entities).await?;
            }
            if edition == Edition::Community {
                for id in entities {
                    let place = Place {
                        volume: to.clone(),
                        id,
                        layout: Layout::default().into(),
                    };
                    stale(self.target, self.client, &place).await?;
                }
            }
        }
        sketches::begin_all(self.target, self.client).await?;
        Ok(rows)
    }

    async fn volume_table(&self, old: &str, new: &str, entities: &[i32]) -> Result<i64, Error> {
        let columns = self.columns(old, new).await?;
        let names = list(&columns, &BTreeMap::new());
        let Self { source, target, client } = self;
        // What is kept aside of an entity goes with it.
        let ids = entities.iter().flat_map(|id| [*id, -id]);
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        let chosen = |table: &str| {
            let ids = ids.join(", ");
            format!("SELECT {names} FROM {table} WHERE client_id = '{client}' AND entity_id IN ({ids})")
        };
        let out = format!("COPY ({}) TO STDOUT (FORMAT binary)", chosen(old));
        let into = format!("COPY {new} ({names}) FROM STDIN (FORMAT binary)");
        target.copy_from(source, &out, &into).await?;
        let sum = |table: &str| {
            format!(
                "SELECT entity_id, count(*) AS rows, sum(hash_record_extended(t, 0))::text AS checksum FROM ({}) t GROUP BY entity_id ORDER BY entity_id",
                chosen(table)
            )
        };
        self.compare(old, &sum(old), &sum(new)).await
    }

    /// The columns of a table by their names, which are the same in both databases.
    async fn columns(&self, old: &str, new: &str) -> Result<Vec<Column>, Error> {
        let sql = "SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS kind FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname";
        let columns: Vec<Column> = self.source.rows(sql, &[&old]).await?;
        let others: Vec<Column> = self.target.rows(sql, &[&new]).await?;
        if columns == others {
            return Ok(columns);
        }
        Err(Error::NotMoved(format!(
            "table {old} differs between the two databases: bring both to one version with migrate-database"
        )))
    }

    async fn compare(&self, table: &str, before: &str, after: &str) -> Result<i64, Error> {
        let before: Vec<Sum> = self.source.rows(before, &[]).await?;
        let after: Vec<Sum> = self.target.rows(after, &[]).await?;
        if before == after {
            return Ok(after.iter().map(|sum| sum.rows).sum());
        }
        Err(Error::NotMoved(format!(
            "rows of {table} are not in the other database as they were: {before:?} became {after:?}"
        )))
    }
}

/// Columns as the list of a SELECT, some of them as other expressions.
fn list(columns: &[Column], changed: &BTreeMap<&str, String>) -> String {
    let columns = columns.iter().map(|column| match changed.get(column.name.as_str()) {
        Some(value) => format!("{value} AS {}", column.name),
        None => column.name.clone(),
    });
    columns.collect::<Vec<_>>().join(", ")
}
