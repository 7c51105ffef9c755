//! What clients use: facts, entities and KPIs.

use database::{Database, Error};
use jiff::civil::Date;
use uuid::Uuid;

database::row! {
    /// How many facts a client has.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ClientFacts {
        /// The client.
        pub client_id: Uuid,
        /// Facts that were accepted. One that another replaced by its key still counts.
        pub facts: i64,
    }
}

database::row! {
    /// What a client has stored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Stored {
        /// Facts, as they were counted last.
        pub facts: i64,
        /// Entities.
        pub entities: i64,
        /// KPIs.
        pub kpis: i64,
    }
}

/// Counts the facts of every client whose batches were begun since a day, and says how many each client has in all.
///
/// # Errors
/// When the statement fails.
pub async fn count_facts(database: &Database, since: Date) -> Result<Vec<ClientFacts>, Error> {
    let sql = "SELECT client_id, facts FROM core.count_facts($1)";
    database.session().await?.rows(sql, &[&since]).await
}

/// What a client has stored.
///
/// # Errors
/// When the statement fails.
pub async fn of_client(database: &Database, client: Uuid) -> Result<Stored, Error> {
    let sql = "SELECT (SELECT coalesce(sum(facts), 0)::bigint FROM core.facts_of_days WHERE client_id = $1) AS facts,
            (SELECT count(*) FROM core.entities WHERE client_id = $1) AS entities,
            (SELECT count(*) FROM core.kpis WHERE client_id = $1) AS kpis";
    let found: Option<Stored> = database.of(client).row(sql, &[&client]).await?;
    Ok(found.unwrap_or(Stored {
        facts: 0,
        entities: 0,
        kpis: 0,
    }))
}
