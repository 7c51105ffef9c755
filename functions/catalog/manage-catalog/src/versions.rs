//! The routes of versions: what was defined under a code, from when on, who did it, and in what two of them differ.

use anyhow::Context as _;
use api::catalog::versions::{
    DefinitionComparison, DefinitionDifference, DefinitionVersion, DefinitionVersions, VersionChange, VersionName,
};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use platform::Problem;
use platform::extract::{Authorized, Path, Query};
use platform::list::{List, Page};
use records::definitions::versions::{Kind, Made, Of, Version};
use serde::Deserialize;
use uuid::Uuid;

use crate::Context;

/// What a comparison may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    against: Option<i32>,
}

pub(crate) async fn list_of_entity(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    list: List,
) -> Result<Json<DefinitionVersions>, Problem> {
    Asking::of(&context, caller.client, Kind::Entity, &code)?
        .list(&list)
        .await
}

pub(crate) async fn list_of_kpi(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    list: List,
) -> Result<Json<DefinitionVersions>, Problem> {
    Asking::of(&context, caller.client, Kind::Kpi, &code)?.list(&list).await
}

pub(crate) async fn read_of_entity(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((code, number)): Path<(String, i32)>,
) -> Result<Json<DefinitionVersion>, Problem> {
    Asking::of(&context, caller.client, Kind::Entity, &code)?
        .read(number)
        .await
}

pub(crate) async fn read_of_kpi(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((code, number)): Path<(String, i32)>,
) -> Result<Json<DefinitionVersion>, Problem> {
    Asking::of(&context, caller.client, Kind::Kpi, &code)?
        .read(number)
        .await
}

pub(crate) async fn compare_of_entity(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((code, number)): Path<(String, i32)>,
    Query(asked): Query<Asked>,
) -> Result<Json<DefinitionComparison>, Problem> {
    let asking = Asking::of(&context, caller.client, Kind::Entity, &code)?;
    asking.compare(number, asked.against).await
}

pub(crate) async fn compare_of_kpi(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path((code, number)): Path<(String, i32)>,
    Query(asked): Query<Asked>,
) -> Result<Json<DefinitionComparison>, Problem> {
    let asking = Asking::of(&context, caller.client, Kind::Kpi, &code)?;
    asking.compare(number, asked.against).await
}

/// Somebody asks for versions of a code.
struct Asking<'a> {
    context: &'a Context,
    of: Of<'a>,
    what: &'static str,
    /// Where its versions are.
    path: String,
}

impl<'a> Asking<'a> {
    fn of(context: &'a Context, client: Uuid, kind: Kind, code: &'a str) -> Result<Self, Problem> {
        let (what, area) = match kind {
            Kind::Entity => ("entity", "entities"),
            Kind::Kpi => ("KPI", "kpis"),
        };
        // The database has no text with such a character, so nothing was ever defined under it.
        if code.contains('\0') {
            return Err(Problem::not_found(what, code));
        }
        let path = format!("/v1/{area}/{code}/versions");
        let of = Of { client, kind, code };
        Ok(Self {
            context,
            of,
            what,
            path,
        })
    }

    async fn list(&self, list: &List) -> Result<Json<DefinitionVersions>, Problem> {
        if let Some(time) = list.parsed::<Timestamp>("at")? {
            let version = self.in_force(time).await?;
            let Page { items: versions, next } = list.page([(version.number, version)], None)?;
            return Ok(Json(DefinitionVersions { versions, next }));
        }
        let after: Option<i32> = list.after()?;
        let found = self.of.page(&self.context.database, after, list.most()).await;
        let found = found.context("list versions")?;
        if found.rows.is_empty() && after.is_none() {
            return Err(self.unknown());
        }
        let shown = found.rows.into_iter().map(shown);
        let keyed = shown.map(|version| version.map(|version| (version.number, version)));
        let keyed: Vec<_> = keyed.collect::<Result<_, Problem>>()?;
        let Page { items: versions, next } = list.page(keyed, found.reached)?;
        Ok(Json(DefinitionVersions { versions, next }))
    }

    async fn read(&self, number: i32) -> Result<Json<DefinitionVersion>, Problem> {
        shown(self.numbered(number).await?).map(Json)
    }

    async fn compare(&self, number: i32, against: Option<i32>) -> Result<Json<DefinitionComparison>, Problem> {
        let after = self.numbered(number).await?;
        let before = match against {
            Some(against) => Some(self.numbered(against).await?),
            None => self.before(&after).await?,
        };
        let definition = before.as_ref().and_then(|before| before.definition.as_ref());
        let found = catalog::differences(definition, after.definition.as_ref()).into_iter();
        let differences = found.map(|one| DefinitionDifference {
            pointer: one.pointer,
            before: one.before,
            after: one.after,
        });
        Ok(Json(DefinitionComparison {
            differences: differences.collect(),
            before: before.map(name),
            after: name(after),
        }))
    }

    /// The version before one; `None` where there was none. One that is not known is never taken for none.
    async fn before(&self, version: &Version) -> Result<Option<Version>, Problem> {
        let before = self.of.before(&self.context.database, version).await;
        let before = before.context("read the version before")?;
        if before.is_some() || version.change == Made::Created.name() {
            return Ok(before);
        }
        let problem = Problem::not_found("version", &format!("before {} of {}", version.number, version.code));
        Err(problem.hint("it is not kept, or not any more: name another one with ?against="))
    }

    /// The version that was in force at a time.
    async fn in_force(&self, time: Timestamp) -> Result<DefinitionVersion, Problem> {
        let found = self.of.at(&self.context.database, time).await;
        let found = found.context("read the version of a time")?;
        let nothing = || Problem {
            detail: format!("there was no {} {:?} at {time}", self.what, self.of.code),
            ..Problem::not_found(self.what, self.of.code)
        };
        match found {
            Some(version) if version.definition.is_some() => shown(version),
            Some(Version {
                other_code: Some(new),
                changed_at,
                ..
            }) => Err(nothing().hint(format!("it was renamed to {new} at {changed_at}"))),
            Some(Version { changed_at, .. }) => Err(nothing().hint(format!("it was deleted at {changed_at}"))),
            None => {
                let oldest = self.oldest().await?;
                let (number, at) = (oldest.number, oldest.changed_at);
                Err(nothing().hint(match oldest.other_code {
                    Some(old) if oldest.change == Made::Renamed.name() => {
                        format!("it was called {old} until {at}: ask for the versions of that")
                    }
                    _ => format!("the first version that is kept is {number}, of {at}"),
                }))
            }
        }
    }

    async fn numbered(&self, number: i32) -> Result<Version, Problem> {
        let found = self.of.numbered(&self.context.database, number).await;
        if let Some(version) = found.context("read a version")? {
            return Ok(version);
        }
        let oldest = self.oldest().await?;
        let problem = Problem::not_found("version", &format!("{number} of {}", self.of.code));
        Err(problem.hint(format!(
            "those that are kept begin with {}: GET {} lists them",
            oldest.number, self.path
        )))
    }

    async fn oldest(&self) -> Result<Version, Problem> {
        let oldest = self.of.oldest(&self.context.database).await;
        oldest.context("read the oldest version")?.ok_or_else(|| self.unknown())
    }

    /// Nothing is known of the code.
    fn unknown(&self) -> Problem {
        Problem::not_found(self.what, self.of.code).hint("nor is a version kept of one that had exactly this code")
    }
}

fn name(version: Version) -> VersionName {
    let Version { code, number, .. } = version;
    VersionName { code, number }
}

fn shown(version: Version) -> Result<DefinitionVersion, Problem> {
    let change = VersionChange::ALL
        .into_iter()
        .find(|change| change.name() == version.change);
    let change = change.with_context(|| format!("a version was made by {:?}, which is not known", version.change))?;
    let (mut renamed_from, mut renamed_to, mut followed) = (None, None, None);
    match (change, version.definition.is_some()) {
        (VersionChange::Renamed, true) => renamed_from = version.other_code,
        (VersionChange::Renamed, false) => renamed_to = version.other_code,
        _ => followed = version.other_code,
    }
    Ok(DefinitionVersion {
        code: version.code,
        number: version.number,
        change,
        at: version.changed_at,
        by: version.changed_by,
        by_email: version.email,
        renamed_from,
        renamed_to,
        followed,
        definition: version.definition,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_that_is_stored_is_answered() {
        let stored = Made::ALL.map(Made::name);
        assert_eq!(stored, VersionChange::ALL.map(VersionChange::name));
    }
}
