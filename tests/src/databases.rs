//! Fresh databases on the servers that are given.

use std::fmt::Display;

use anyhow::{Context as _, Result};
use database::{Database, LOGIN_ROLE};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use records::clients::{self, NewClient};
use records::definitions;
use series::Mapper;
use series::calendar::Rules;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Addresses of the servers to test against: `TEST_DATABASE_URLS`, separated by white space or commas.
#[must_use]
pub fn servers() -> Vec<String> {
    let urls = crate::required("TEST_DATABASE_URLS");
    urls.split([' ', ',', '\n'])
        .filter(|url| !url.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Beyond every version that there is.
const LATEST: i32 = i32::MAX;

/// A migrated database.
pub struct TestDatabase {
    /// Address.
    pub url: String,
    /// As the functions that own tables see it.
    pub owner: Database,
    /// As the other functions see it.
    pub app: Database,
    created: Option<Created>,
}

/// A database that a test has created and drops.
struct Created {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Creates and migrates one, which [`TestDatabase::drop_it`] takes away.
    ///
    /// # Errors
    /// When the server can't be used.
    pub async fn create(server: &str) -> Result<Self> {
        let created = Self::of_version(server, LATEST).await?;
        created.migrate().await?;
        Ok(created)
    }

    /// Creates one of an earlier version, which [`TestDatabase::migrate`] brings up to date.
    ///
    /// # Errors
    /// When the server can't be used.
    pub async fn of_version(server: &str, version: i32) -> Result<Self> {
        let name = format!("test_{}", Uuid::now_v7().simple());
        admin(server, &format!("CREATE DATABASE {name}")).await?;
        let url = with_database(server, &name)?;
        if version < LATEST {
            database::migrate::run_to(&Database::new(&url, LOGIN_ROLE)?, version).await?;
        }
        let server = server.to_owned();
        Ok(Self {
            created: Some(Created { server, name }),
            ..Self::existing(&url)?
        })
    }

    /// Brings it up to date; the versions that were applied.
    ///
    /// # Errors
    /// When the migration fails.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        Ok(facts::migrate::run(&Database::new(&self.url, LOGIN_ROLE)?)
            .await?
            .applied)
    }

    /// Provisions a client that starts its days in a zone, with an administrator `NAME@example.com` who can't sign in.
    ///
    /// # Errors
    /// When a statement fails, or there is such an administrator.
    pub async fn client(&self, name: &str, zone: &str) -> Result<Uuid> {
        let new = NewClient {
            name,
            time_zone: zone,
            calendar: Rules::default(),
            email: &format!("{name}@example.com").parse()?,
            password_hash: "none",
            role: "admin",
        };
        Ok(clients::provision(&self.owner, &new).await?.client)
    }

    /// One that was created elsewhere, and stays.
    ///
    /// # Errors
    /// When the address is none.
    pub fn existing(url: &str) -> Result<Self> {
        Ok(Self {
            owner: Database::new(url, "analytics_owner")?,
            app: Database::new(url, "analytics_app")?,
            url: url.to_owned(),
            created: None,
        })
    }

    /// Ingests events of a client's entity as one batch, each as the JSON that it is displayed as.
    ///
    /// # Errors
    /// When the entity is not there, an event is refused, or it is not written.
    pub async fn ingest(
        &self,
        client: Uuid,
        entity: &str,
        events: impl IntoIterator<Item = impl Display>,
    ) -> Result<()> {
        let known = definitions::load_one(&self.app, client).await?;
        let known = known.context("the client is there")?;
        let placed = known.placed.get(entity).context("the entity is placed")?;
        let mapper = Mapper::new(placed.entity.clone());
        let now = platform::clock::now();
        let facts = events.into_iter().map(|event| mapper.json(now, &event.to_string()));
        let facts = facts.collect::<Result<Vec<_>, _>>();
        let facts = facts.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        let batch = Batch::of(Uuid::now_v7(), facts);
        ingest::ingest(&self.app, client, placed, "test", &[batch], Effort::default()).await?;
        Ok(())
    }

    /// A bare connection, for oracles that must not share code with what they check.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn plain(&self) -> Result<tokio_postgres::Client> {
        connect(&self.url).await
    }

    /// Drops the database of a cell that the local cloud made beside it, if it was created here.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_cell(&self, number: u8) -> Result<()> {
        let Some(Created { server, name }) = &self.created else {
            return Ok(());
        };
        admin(
            server,
            &format!("DROP DATABASE IF EXISTS {name}_cell_{number} WITH (FORCE)"),
        )
        .await
    }

    /// Drops the database, if it was created here.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_it(self) -> Result<()> {
        let Self {
            owner, app, created, ..
        } = self;
        drop((owner, app));
        let Some(Created { server, name }) = created else {
            return Ok(());
        };
        admin(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
    }
}

/// A connection without pool, role or product code.
///
/// # Errors
/// When the server can't be reached.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("connect")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn admin(server: &str, sql: &str) -> Result<()> {
    connect(server)
        .await?
        .batch_execute(sql)
        .await
        .with_context(|| sql.to_owned())
}

/// The address with another database's name; options after `?` stay.
fn with_database(url: &str, name: &str) -> Result<String> {
    let (address, options) = url.split_once('?').map_or((url, String::new()), |(address, options)| {
        (address, format!("?{options}"))
    });
    let (base, _) = address.rsplit_once('/').context("the address names no database")?;
    Ok(format!("{base}/{name}{options}"))
}
