//! The documents of issued revisions: what they are made of, and where they are.

use database::{Database, Error, json};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A revision: the proposal and its number.
pub type Revision = (Uuid, i32);

database::row! {
    /// What the documents of a revision are made of, as it was issued.
    #[derive(Clone, Debug)]
    pub struct Source {
        /// Name of the client.
        pub client_name: String,
        /// IANA time zone of its days.
        pub time_zone: String,
        /// Name of the project.
        pub project: String,
        /// When it was issued.
        pub issued_at: Timestamp,
        /// The last day on which it can be accepted.
        pub valid_until: Date,
        /// Answers.
        pub answers: Value,
        /// Terms.
        pub terms: Value,
        /// Objects and value chains that the KPIs need.
        pub required: Value,
        /// Quote.
        pub quote: Value,
        /// The plan, when there was one.
        pub plan: Option<Value>,
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// The document to be printed.
    Pdf,
    /// The document to be edited.
    Word,
    /// A picture of a page.
    Page,
}

impl FileKind {
    /// How names of such files end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Word => "docx",
            Self::Page => "png",
        }
    }

    /// The media type of such files.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Word => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Page => "image/png",
        }
    }
}

/// A file of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What it is.
    pub kind: FileKind,
    /// Where in the bucket: it is named after its content.
    pub key: String,
    /// Its size.
    pub bytes: usize,
}

/// How far the documents of a revision are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The files, pages in their order; `None` until they are rendered.
    pub files: Option<Vec<File>>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// When.
    pub updated_at: Timestamp,
}

/// What a revision's documents are made of; `None` when the client has no such revision.
///
/// # Errors
/// When the statement fails.
pub async fn source(database: &Database, client: Uuid, (proposal, number): Revision) -> Result<Option<Source>, Error> {
    let sql = "SELECT c.name AS client_name, c.time_zone, p.name AS project, r.issued_at, r.valid_until, r.answers, r.terms, r.required,
            r.quote, r.plan
        FROM core.proposal_revisions r
        JOIN core.proposals p ON p.client_id = r.client_id AND p.id = r.proposal_id
        JOIN core.clients c ON c.id = r.client_id
        WHERE r.client_id = $1 AND r.proposal_id = $2 AND r.revision = $3";
    database.of(client).row(sql, &[&client, &proposal, &number]).await
}

database::row! {
    struct RenderingRow {
        files: Option<Value>,
        failure: Option<String>,
        updated_at: Timestamp,
    }
}

/// How far the documents of a revision are; `None` when nobody has tried yet.
///
/// # Errors
/// When the statement fails or what is stored can't be read.
pub async fn find(database: &Database, client: Uuid, (proposal, number): Revision) -> Result<Option<Rendering>, Error> {
    let sql = "SELECT files, failure, updated_at FROM core.proposal_renderings
        WHERE client_id = $1 AND proposal_id = $2 AND revision = $3";
    let found: Option<RenderingRow> = database.of(client).row(sql, &[&client, &proposal, &number]).await?;
    let Some(row) = found else { return Ok(None) };
    let unreadable = |error: serde_json::Error| Error::Stored {
        place: format!("documents of proposal {proposal}"),
        cause: error.to_string(),
    };
    let files = row.files.map(serde_json::from_value).transpose();
    Ok(Some(Rendering {
        files: files.map_err(unreadable)?,
        failure: row.failure,
        updated_at: row.updated_at,
    }))
}

/// Notes that a try begins: it may end without a word.
///
/// # Errors
/// When the statement fails.
pub async fn begun(database: &Database, client: Uuid, (proposal, number): Revision) -> Result<(), Error> {
    let sql = "INSERT INTO core.proposal_renderings AS d (client_id, proposal_id, revision) VALUES ($1, $2, $3)
        ON CONFLICT (client_id, proposal_id, revision) DO UPDATE
        SET failure = NULL, updated_at = now() WHERE d.files IS NULL";
    database
        .of(client)
        .execute(sql, &[&client, &proposal, &number])
        .await
        .map(drop)
}

/// Notes where the documents of a revision are. Those that were noted first stay.
///
/// # Errors
/// When the statement fails.
pub async fn rendered(
    database: &Database,
    client: Uuid,
    (proposal, number): Revision,
    files: &[File],
) -> Result<(), Error> {
    let files = json(&files)?;
    let sql =
        "INSERT INTO core.proposal_renderings AS d (client_id, proposal_id, revision, files) VALUES ($1, $2, $3, $4)
        ON CONFLICT (client_id, proposal_id, revision) DO UPDATE
        SET files = EXCLUDED.files, failure = NULL, updated_at = now() WHERE d.files IS NULL";
    database
        .of(client)
        .execute(sql, &[&client, &proposal, &number, &files])
        .await
        .map(drop)
}

/// Notes that a revision's documents could not be rendered, and why. Documents that are there stay.
///
/// # Errors
/// When the statement fails.
pub async fn failed(
    database: &Database,
    client: Uuid,
    (proposal, number): Revision,
    failure: &str,
) -> Result<(), Error> {
    let sql =
        "INSERT INTO core.proposal_renderings AS d (client_id, proposal_id, revision, failure) VALUES ($1, $2, $3, $4)
        ON CONFLICT (client_id, proposal_id, revision) DO UPDATE
        SET failure = EXCLUDED.failure, updated_at = now() WHERE d.files IS NULL";
    database
        .of(client)
        .execute(sql, &[&client, &proposal, &number, &failure])
        .await
        .map(drop)
}
