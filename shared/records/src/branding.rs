//! How the documents of a client look.

use database::{Database, Error};
use uuid::Uuid;

database::row! {
    /// Colours, logo and conditions as a client gave them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Branding {
        /// The colour of headings, `#1f3a5f`.
        pub primary_colour: String,
        /// The second colour of charts.
        pub accent_colour: String,
        /// The file of the logo.
        pub logo: Option<Vec<u8>>,
        /// Terms and conditions, a paragraph a line.
        pub conditions: String,
    }
}

database::row! {
    struct Version {
        version: i32,
    }
}

/// The client's branding with its version; `None` when it never gave one.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid) -> Result<Option<(Branding, i32)>, Error> {
    let sql = "SELECT primary_colour, accent_colour, logo, conditions, version FROM core.branding WHERE client_id = $1";
    let found: Option<(Branding, Version)> = database.of(client).row(sql, &[&client]).await?;
    Ok(found.map(|(branding, Version { version })| (branding, version)))
}

/// Replaces the client's branding when it is still at a version, `0` when it has none; gives the new version, or `None` when
/// somebody else was faster.
///
/// # Errors
/// When the statement fails.
pub async fn replace(
    database: &Database,
    client: Uuid,
    user: Uuid,
    branding: &Branding,
    version: i32,
) -> Result<Option<i32>, Error> {
    let Branding {
        primary_colour,
        accent_colour,
        logo,
        conditions,
    } = branding;
    let sql = if version == 0 {
        "INSERT INTO core.branding (client_id, primary_colour, accent_colour, logo, updated_by, version, conditions)
         VALUES ($1, $2, $3, $4, $5, $6 + 1, $7) ON CONFLICT DO NOTHING RETURNING version"
    } else {
        "UPDATE core.branding SET primary_colour = $2, accent_colour = $3, logo = $4, updated_by = $5, updated_at = now(),
            version = version + 1, conditions = $7
         WHERE client_id = $1 AND version = $6 RETURNING version"
    };
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
        &client,
        primary_colour,
        accent_colour,
        logo,
        &user,
        &version,
        conditions,
    ];
    let stored: Option<Version> = database.of(client).row(sql, &parameters).await?;
    Ok(stored.map(|stored| stored.version))
}
