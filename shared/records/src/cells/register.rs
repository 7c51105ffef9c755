//! Databases become cells.

use database::{Database, Error, MAX_CELLS, MAX_ENTITIES_OF_A_CELL, Scope, Session};

database::row! {
    struct Numbered {
        number: i32,
    }
}

database::row! {
    struct Known {
        own: Option<String>,
        is_used: bool,
    }
}

/// Registers a migrated database as a cell: it gets a number, and a range of identities of its own. Nothing happens where it is registered. Both databases
/// are those of the login that migrates.
///
/// # Errors
/// When the database is another cell, is home, or has clients that were created in it; or when there are [`MAX_CELLS`].
pub async fn register(home: &Database, name: &str, cell: &Database) -> Result<(), Error> {
    let number = async |session: &Session| {
        session.batch("SET LOCAL ROLE analytics_owner").await?;
        session.lock("register cells").await?;
        let sql = "INSERT INTO core.cells (number, name) SELECT coalesce(max(number), 0) + 1, $1 FROM core.cells HAVING coalesce(max(number), 0) < $2
            ON CONFLICT (name) DO NOTHING";
        let most = i32::try_from(MAX_CELLS).unwrap_or(i32::MAX);
        session.execute(sql, &[&name, &most]).await?;
        let found: Option<Numbered> = session
            .row("SELECT number FROM core.cells WHERE name = $1", &[&name])
            .await?;
        found.ok_or_else(|| Error::Server(format!("there are {MAX_CELLS} cells already")))
    };
    let Numbered { number } = home.transaction_in(Scope::default(), number).await?;
    let become_cell = async |session: &Session| {
        session.batch("SET LOCAL ROLE analytics_owner").await?;
        let sql = "SELECT (SELECT name FROM core.this_cell) AS own,
            EXISTS (SELECT FROM core.clients) OR EXISTS (SELECT FROM core.cells) AS is_used";
        let known: Option<Known> = session.row(sql, &[]).await?;
        match known {
            Some(Known { own: Some(own), .. }) if own == name => Ok(()),
            Some(Known { own: Some(own), .. }) => Err(Error::Server(format!(
                "the database of cell {name:?} is cell {own:?} already"
            ))),
            Some(Known { is_used: true, .. }) => Err(Error::Server(format!(
                "the database of cell {name:?} can't become a cell: it has clients that were created in it, or cells of its own"
            ))),
            _ => take_number(session, name, number).await,
        }
    };
    cell.transaction_in(Scope::default(), become_cell).await
}

async fn take_number(session: &Session, name: &str, number: i32) -> Result<(), Error> {
    let sql = "INSERT INTO core.this_cell (number, name) VALUES ($1, $2)";
    session.execute(sql, &[&number, &name]).await?;
    let first = number * MAX_ENTITIES_OF_A_CELL;
    let last = first + (MAX_ENTITIES_OF_A_CELL - 1);
    session
        .batch(&format!(
            "ALTER TABLE core.entities ALTER COLUMN id SET MINVALUE {first} SET MAXVALUE {last} SET START WITH {first} RESTART"
        ))
        .await
}
