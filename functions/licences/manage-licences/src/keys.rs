//! Signing keys: list, withdraw.

use std::cmp::Reverse;

use anyhow::Context as _;
use api::licences::{KeyWithdrawal, SigningKey, SigningKeys};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::list::{List, Page};
use records::licence_keys::{self as stored, LicenceKey};

use crate::response::withdrawal;
use crate::{Context, checked_reason};

pub(crate) async fn list(State(context): State<Context>, list: List) -> Result<Json<SigningKeys>, Problem> {
    let all = stored::list(&context.database).await.context("list signing keys")?;
    let after: Option<Key> = list.after()?;
    let keyed = all.into_iter().map(|key| (place_of(&key), key_response(&context, key)));
    let found = keyed.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let Page { items: keys, next } = list.page(found, None)?;
    Ok(Json(SigningKeys { keys, next }))
}

/// The place of a signing key in the list: the newest first, and its name.
type Key = (Reverse<Timestamp>, String);

fn place_of(key: &LicenceKey) -> Key {
    (Reverse(key.first_used_at), key.key.id().to_owned())
}

pub(crate) async fn withdraw(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(kid): Path<String>,
    Body(KeyWithdrawal { reason }): Body<KeyWithdrawal>,
) -> Result<Json<SigningKey>, Problem> {
    let reason = checked_reason(&reason)?;
    if !kid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::not_found("signing key", &kid));
    }
    let withdrawn = stored::withdraw(&context.database, &kid, caller.user, reason).await;
    let withdrawn = withdrawn
        .context("withdraw signing key")?
        .ok_or_else(|| Problem::not_found("signing key", &kid))?;
    tracing::warn!(kid, by = %caller.user, "withdrew a signing key: its licences no longer count");
    Ok(Json(key_response(&context, withdrawn)))
}

fn key_response(context: &Context, key: LicenceKey) -> SigningKey {
    SigningKey {
        id: key.key.id().to_owned(),
        public_key: key.key.text().to_owned(),
        signs: key.key.id() == context.signing_key.verifying_key().id(),
        first_used_at: key.first_used_at,
        withdrawn: key.withdrawn.map(withdrawal),
    }
}
