//! Licences: issue, list, revoke.

use anyhow::Context as _;
use api::licences::{Licence as LicenceBody, Licences, NewLicence, Revocation};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use identity::Features;
use identity::licence::{InvalidTerm, Licence, Terms};
use jiff::civil::Date;
use platform::extract::{Authorized, Json as Body, Path};
use platform::list::{List, Page};
use platform::problem::Issue;
use platform::{Problem, clock, idempotency};
use records::licences::{self as stored, Issuance, LicenceToStore, MAX_LICENCES, StoredLicence};
use uuid::Uuid;

use crate::response::licence_response;
use crate::{Context, checked_reason, may_see, no_client};

const WHAT: &str = "licence";

pub(crate) async fn issue(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    headers: HeaderMap,
    Body(new): Body<NewLicence>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers, caller.client, "licences")?;
    let (client, terms) = checked(new)?;
    let today = context.today(client).await?;
    let request = serde_json::to_vec(&(client, &terms)).context("write request")?;
    let licence = Licence {
        id: key.unwrap_or_else(Uuid::now_v7),
        client,
        issued_at: clock::now(),
        terms,
    };
    let signed = context.signing_key.sign(&licence).context("sign licence")?;
    let new = LicenceToStore {
        licence: &licence,
        key: &signed,
        signed_by: context.signing_key.verifying_key(),
        request: key.map(|key| Uuid::new_v5(&key, &request)),
        user: Some(caller.user),
    };
    let issued = stored::issue(&context.database, &new).await.context("store licence")?;
    let kid = context.signing_key.verifying_key().id();
    let issued = match issued {
        Issuance::As(issued) => issued,
        Issuance::NoClient => return Err(no_client(client)),
        Issuance::KeyUsed => {
            return Err(Problem::conflict("the Idempotency-Key was used for another licence").hint("send a new key"));
        }
        Issuance::TooMany => {
            return Err(Problem::conflict(format!(
                "the client {client} already has {MAX_LICENCES} licences, which is the limit"
            )));
        }
        Issuance::SigningKeyWithdrawn => {
            return Err(Problem::conflict(format!("the signing key {kid} was withdrawn"))
                .hint("deploy with another signing key: the parameter LicenceSigningKey names it"));
        }
    };
    tracing::info!(%client, licence = %issued.licence.id, by = %caller.user, "issued a licence");
    Ok((StatusCode::CREATED, Json(licence_response(*issued, today))).into_response())
}

/// Terms that can be signed, and for whom.
fn checked(new: NewLicence) -> Result<(Uuid, Terms), Problem> {
    let terms = Terms {
        value_chains: new.value_chains,
        modules: new.modules,
        features: new.features,
        seats: new.seats,
        starts_on: new.starts_on,
        ends_on: new.ends_on,
    };
    let problems = terms.problems();
    let Some(InvalidTerm { pointer, message }) = problems.first() else {
        return Ok((new.client, terms));
    };
    let detail = format!("the licence can't be issued: {pointer} {message}");
    let issue = |problem: InvalidTerm| Issue {
        pointer: problem.pointer.to_owned(),
        detail: problem.message,
        hint: None,
        span: None,
    };
    Err(Problem::invalid(detail).issues(problems.into_iter().map(issue).collect()))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Licences>, Problem> {
    let client = list.parsed("client")?.unwrap_or(caller.client);
    may_see(&caller, client)?;
    let today = context.today(client).await?;
    // All of them, MAX_LICENCES at most: which of them count is in their keys, and what they open together is asked of all.
    let all = stored::list(&context.database, client).await.context("list licences")?;
    let counting = all.iter().filter(|stored| stored.problems(today).is_empty());
    let features = counting.fold(Features::NONE, |all, stored| all.union(stored.licence.terms.features()));
    let after: Option<(Date, Uuid)> = list.after()?;
    let is_valid: Option<bool> = list.parsed("valid")?;
    let keyed = all.into_iter().map(|stored| {
        (
            (stored.licence.terms.ends_on, stored.licence.id),
            licence_response(stored, today),
        )
    });
    let following = keyed.filter(|(key, _)| after.is_none_or(|after| *key < after));
    let found = following.filter(|(_, licence)| is_valid.is_none_or(|valid| licence.valid == valid));
    let Page { items: licences, next } = list.page(found, None)?;
    Ok(Json(Licences {
        licences,
        next,
        features: features.iter().collect(),
    }))
}

pub(crate) async fn revoke(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Body(Revocation { client, reason }): Body<Revocation>,
) -> Result<Json<LicenceBody>, Problem> {
    let reason = checked_reason(&reason)?;
    let missing = || Problem::not_found(WHAT, &id);
    let licence: Uuid = id.parse().map_err(|_| missing())?;
    let today = context.today(client).await?;
    let revoked = stored::revoke(&context.database, client, licence, caller.user, reason).await;
    let revoked: StoredLicence = revoked.context("revoke licence")?.ok_or_else(missing)?;
    tracing::info!(%client, %licence, by = %caller.user, "revoked a licence");
    Ok(Json(licence_response(revoked, today)))
}
