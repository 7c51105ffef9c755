//! Further databases of the same server, in which clients can live as they do in those of other servers.

use anyhow::Context as _;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::CONNECT_LIMIT;

/// A database in which clients can live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What `place-client` knows it by.
    pub name: String,
    /// How functions reach it; may carry a password.
    pub url: String,
}

/// Makes so many cells of the server of a database, unless they are there: `cell-1` and on, in databases that are called as the given one and their number.
///
/// # Errors
/// When the server cannot be reached, or refuses. The texts never hold the password.
pub async fn prepare(url: &str, count: u8) -> anyhow::Result<Vec<Cell>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let (home, _) = named(url, "").context("the address of the database names none")?;
    let connecting = timeout(CONNECT_LIMIT, tokio_postgres::connect(url, NoTls)).await;
    let (client, connection) = connecting
        .context("the database does not answer")?
        .context("cells can't be made")?;
    let connection = tokio::spawn(connection);
    let mut cells = Vec::new();
    for number in 1..=count {
        let database = format!("{home}_cell_{number}");
        let sql = "SELECT FROM pg_database WHERE datname = $1";
        if client.query_opt(sql, &[&database]).await?.is_none() {
            let sql = format!("CREATE DATABASE \"{}\"", database.replace('"', "\"\""));
            client
                .batch_execute(&sql)
                .await
                .with_context(|| format!("database {database} can't be made"))?;
        }
        let (_, url) = named(url, &database).context("the address of the database names none")?;
        cells.push(Cell {
            name: format!("cell-{number}"),
            url,
        });
    }
    drop(client);
    // Its end is the client's; what it failed of was told there.
    let _ = connection.await;
    Ok(cells)
}

/// The database that an address names, and the address with another one; options after `?` stay.
fn named(url: &str, other: &str) -> Option<(String, String)> {
    let (address, options) = url.split_at(url.find('?').unwrap_or(url.len()));
    let (base, database) = address.rsplit_once('/')?;
    let is_named = !database.is_empty() && !base.ends_with('/') && base.contains("://");
    is_named.then(|| (database.to_owned(), format!("{base}/{other}{options}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_another_database() {
        for (url, expected) in [
            (
                "postgres://a@127.0.0.1:1/home",
                Some(("home", "postgres://a@127.0.0.1:1/other")),
            ),
            (
                "postgres://a@h/home?sslmode=disable",
                Some(("home", "postgres://a@h/other?sslmode=disable")),
            ),
            ("postgres://a@h/", None),
            ("postgres://a@h", None),
        ] {
            let found = named(url, "other");
            let found = found.as_ref().map(|(database, url)| (database.as_str(), url.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }
}
