//! Versions of definitions: each change keeps what a definition is from then on, in its own transaction, with when it was and who did it. Nobody changes a version, and
//! none is taken out but those that are more than are kept.
//!
//! Versions are those of a code. What gets another code ends under the one that it had, and goes on under the new one; what is defined anew under a code goes on
//! with its numbers. The number of a version is that of the definition, which is its `ETag`.

use database::{Database, Error};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::change::Change;
use crate::lists::{Found, List, Selection};

/// Versions that are kept of one code, the last ones: a change in each week of two years. A KPI's has some 1 KB at most times, and 15 KB at most, so those of 2,000
/// KPIs have 200 MB at most times. The database lets go of the others, see `core.forget_versions`.
pub const MAX_VERSIONS: usize = 100;

/// Ends of definitions, by deletion or by another code, that are kept of one kind for a client, the last ones, with the versions before them: half as many as there can
/// be KPIs. Who deletes more codes than that begins to lose what was known of the first.
pub const MAX_ENDED: usize = 1_000;

/// Who changes definitions: a client, or a user of it where one is known.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// The client whose definitions they are.
    pub client: Uuid,
    /// The user; `None` where it is the provider, or a program of its.
    pub user: Option<Uuid>,
}

impl From<Uuid> for Author {
    fn from(client: Uuid) -> Self {
        Self { client, user: None }
    }
}

/// What has versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Entities.
    Entity,
    /// KPIs.
    Kpi,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Kpi => "kpi",
        }
    }
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was there when versions began to be kept.
    Found,
    /// It was defined.
    Created,
    /// Another definition took its place.
    Replaced,
    /// It, or attributes of it, got other names.
    Renamed,
    /// Something that it names got another name, and it follows.
    Followed,
    /// Groupings that were being filled, or kept no longer, were taken out.
    GivenUp,
    /// It was deleted.
    Deleted,
}

impl Made {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Found,
        Self::Created,
        Self::Replaced,
        Self::Renamed,
        Self::Followed,
        Self::GivenUp,
        Self::Deleted,
    ];

    /// As it is stored, and answered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Renamed => "renamed",
            Self::Followed => "followed",
            Self::GivenUp => "given_up",
            Self::Deleted => "deleted",
        }
    }
}

/// A version that a change makes.
pub(super) struct New<'a> {
    pub(super) code: &'a str,
    pub(super) number: i32,
    /// Of a rename: the code before or after.
    pub(super) other_code: Option<&'a str>,
    /// `None` where nothing has the code from then on.
    pub(super) definition: Option<Value>,
}

impl<'a> New<'a> {
    pub(super) const fn of(code: &'a str, number: i32, definition: Value) -> Self {
        Self {
            code,
            number,
            other_code: None,
            definition: Some(definition),
        }
    }

    /// Nothing has the code from then on.
    pub(super) const fn end(code: &'a str, number: i32) -> Self {
        Self {
            code,
            number,
            other_code: None,
            definition: None,
        }
    }

    /// The two of another code: an end under the one that it had, and what it is under the new one.
    pub(super) fn moved((old, version): (&'a str, i32), (new, number): (&'a str, i32), definition: Value) -> Vec<Self> {
        let end = Self {
            other_code: Some(new),
            ..Self::end(old, version + 1)
        };
        let goes_on = Self {
            other_code: Some(old),
            ..Self::of(new, number, definition)
        };
        vec![end, goes_on]
    }
}

database::row! {
    struct Last {
        number: i32,
    }
}

database::row! {
    struct Kept {
        changed_at: Timestamp,
    }
}

impl Change<'_> {
    /// The number of the first version of what begins to have a code: after all that the code has had, and after the one that it had under another.
    pub(super) async fn first_number(&self, kind: Kind, code: &str, before: i32) -> Result<i32, Error> {
        let sql = "SELECT coalesce(max(number), 0) AS number FROM core.definition_versions WHERE client_id = $1 AND kind = $2 AND code = $3";
        let last: Option<Last> = self.session.row(sql, &[&self.client, &kind.name(), &code]).await?;
        Ok(last.map_or(0, |last| last.number).max(before) + 1)
    }

    /// Keeps the versions that this change makes of one kind: all that it makes are of the same instant, and none is before another of its code, whatever the clock says.
    pub(super) async fn keep(&self, kind: Kind, made: Made, new: Vec<New<'_>>) -> Result<(), Error> {
        if new.is_empty() {
            return Ok(());
        }
        let codes: Vec<&str> = new.iter().map(|new| new.code).collect();
        let numbers: Vec<i32> = new.iter().map(|new| new.number).collect();
        let others: Vec<Option<&str>> = new.iter().map(|new| new.other_code).collect();
        let definitions: Vec<Option<Value>> = new.into_iter().map(|new| new.definition).collect();
        let sql = "WITH new AS (
                SELECT * FROM unnest($5::text[], $6::integer[], $7::text[], $8::jsonb[]) AS n (code, number, other_code, definition)
            ), made AS MATERIALIZED (
                SELECT greatest(coalesce($9, clock_timestamp()), max(v.changed_at)) AS at
                FROM new n LEFT JOIN core.definition_versions v ON v.client_id = $1 AND v.kind = $2 AND v.code = n.code AND v.number < n.number
            )
            INSERT INTO core.definition_versions (client_id, kind, code, number, change, changed_at, changed_by, email, other_code, definition)
            SELECT $1, $2, n.code, n.number, $3::text, made.at, $4::uuid, (SELECT u.email FROM core.users u WHERE u.client_id = $1 AND u.id = $4), n.other_code, n.definition
            FROM new n CROSS JOIN made RETURNING changed_at";
        let Self {
            session,
            client,
            user,
            at,
        } = self;
        let (kind, made) = (kind.name(), made.name());
        let values: [&(dyn ToSql + Sync); 9] = [
            client,
            &kind,
            &made,
            user,
            &codes,
            &numbers,
            &others,
            &definitions,
            &at.get().copied(),
        ];
        let kept: Vec<Kept> = session.rows(sql, &values).await?;
        if let Some(Kept { changed_at }) = kept.first() {
            at.get_or_init(|| *changed_at);
        }
        let sql = "SELECT core.forget_versions($1, $2, $3)";
        session.query(sql, &[client, &kind, &codes]).await.map(drop)
    }
}

database::row! {
    /// A version that is kept.
    #[derive(Clone, Debug)]
    pub struct Version {
        /// The code that it is one of.
        pub code: String,
        /// Its number.
        pub number: i32,
        /// What made it, a [`Made::name`].
        pub change: String,
        /// From when on it is in force: when its change was made, some milliseconds before that was committed.
        pub changed_at: Timestamp,
        /// The user who made it, where one is known.
        pub changed_by: Option<Uuid>,
        /// The address that the user had then.
        pub email: Option<String>,
        /// Of a rename the code before it, or after it where there is no definition; of what followed one the code of what was renamed.
        pub other_code: Option<String>,
        /// The whole definition; `None` where nothing has the code from then on.
        pub definition: Option<Value>,
    }
}

/// Columns of a [`Version`].
const COLUMNS: &str = "v.code, v.number, v.change, v.changed_at, v.changed_by, v.email, v.other_code, v.definition";

const LIST: List = List {
    table: "core.definition_versions",
    name: "v",
    order: "v.number DESC",
    columns: COLUMNS,
    joins: "",
};

/// A code of a client, whatever has it or has had it.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The client.
    pub client: Uuid,
    /// What has the code.
    pub kind: Kind,
    /// The code.
    pub code: &'a str,
}

impl Of<'_> {
    /// A page of the versions, the newest first, each with the key of the page that begins after it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn page(&self, database: &Database, after: Option<i32>, most: i64) -> Result<Found<Version, i32>, Error> {
        let kind = self.kind.name();
        let mut selection = Selection::of(&self.client);
        selection.found("v.kind = {}", Some(&kind));
        selection.found("v.code = {}", Some(&self.code));
        selection.found("v.number < {}", after.as_ref());
        selection
            .read(database, &LIST, most, |version: &Version| version.number)
            .await
    }

    /// The version of a number, if it is kept.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn numbered(&self, database: &Database, number: i32) -> Result<Option<Version>, Error> {
        self.last(database, "v.number = $4", &number).await
    }

    /// The last version that was made before a time or at it, if one is kept: the one that was in force, or nothing where it has no definition.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn at(&self, database: &Database, time: Timestamp) -> Result<Option<Version>, Error> {
        self.last(database, "v.changed_at <= $4", &time).await
    }

    /// The version before one: of what was called otherwise the last under that code.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn before(&self, database: &Database, version: &Version) -> Result<Option<Version>, Error> {
        match (&version.other_code, &version.definition) {
            (Some(code), Some(_)) if version.change == Made::Renamed.name() => {
                let condition = "v.changed_at <= $4 AND v.definition IS NOT NULL";
                let Self { client, kind, .. } = *self;
                Of { client, kind, code }
                    .last(database, condition, &version.changed_at)
                    .await
            }
            _ => self.last(database, "v.number < $4", &version.number).await,
        }
    }

    /// The oldest version that is kept; `None` where there is none.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn oldest(&self, database: &Database) -> Result<Option<Version>, Error> {
        self.one(database, "v.number >= $4 ORDER BY v.number", &0).await
    }

    async fn last<T: ToSql + Sync>(
        &self,
        database: &Database,
        condition: &str,
        value: &T,
    ) -> Result<Option<Version>, Error> {
        self.one(database, &format!("{condition} ORDER BY v.number DESC"), value)
            .await
    }

    async fn one<T: ToSql + Sync>(
        &self,
        database: &Database,
        condition: &str,
        value: &T,
    ) -> Result<Option<Version>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM core.definition_versions v WHERE v.client_id = $1 AND v.kind = $2 AND v.code = $3 AND {condition} LIMIT 1"
        );
        let Self { client, kind, code } = self;
        database
            .of(*client)
            .row(&sql, &[client, &kind.name(), code, value])
            .await
    }
}
