//! What a key says, and whether it counts today.

use anyhow::Context as _;
use api::licences::{LicenceKey, Renewal, Verification};
use axum::Json;
use axum::extract::State;
use identity::Caller;
use identity::licence::key::signing_key_id;
use identity::licence::notice::{NOTICE_DAYS, days_left};
use identity::licence::{Licence, LicenceError};
use jiff::civil::Date;
use platform::Problem;
use platform::extract::{Authorized, Json as Body};
use records::licence_keys;
use records::licences::{self as stored, StoredLicence};

use crate::response::{licence_response, problem};
use crate::{Context, may_see};

pub(crate) async fn verify(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(LicenceKey { key }): Body<LicenceKey>,
) -> Result<Json<Verification>, Problem> {
    let licence = match trusted(&context, &caller, key.trim()).await? {
        Ok(licence) => licence,
        Err(error) => return Ok(Json(refused(&error))),
    };
    // The client is the signed one, and the caller may see it.
    let all = stored::list(&context.database, licence.client)
        .await
        .context("list licences")?;
    let Some(found) = all.iter().find(|stored| stored.licence == licence) else {
        return Ok(Json(refused(&LicenceError::Unrecorded(licence.id))));
    };
    let today = context.today(licence.client).await?;
    let renewal = renewal(found, &all, today);
    let licence = licence_response(found.clone(), today);
    Ok(Json(Verification {
        valid: licence.valid,
        problems: found.problems(today).iter().map(problem).collect(),
        licence: Some(licence),
        renewal: Some(renewal),
    }))
}

/// The licence of a key that one of our signing keys signed, for a caller who may see it.
async fn trusted(context: &Context, caller: &Caller, key: &str) -> Result<Result<Licence, LicenceError>, Problem> {
    let malformed = |error: LicenceError| Problem::malformed(format!("/key: {error}")).hint(error.hint());
    let kid = signing_key_id(key).map_err(malformed)?;
    // Such an id can't be looked up, so no key of ours has it.
    if !kid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Err(LicenceError::UnknownKey(kid)));
    }
    let known = licence_keys::find(&context.database, &kid)
        .await
        .context("read signing key")?;
    let Some(known) = known else {
        return Ok(Err(LicenceError::UnknownKey(kid)));
    };
    Ok(known
        .key
        .open(key)
        .and_then(|licence| match may_see(caller, licence.client) {
            Ok(()) => Ok(licence),
            Err(_) => Err(LicenceError::WrongClient),
        }))
}

fn refused(error: &LicenceError) -> Verification {
    Verification {
        valid: false,
        problems: vec![problem(error)],
        licence: None,
        renewal: None,
    }
}

fn renewal(found: &StoredLicence, all: &[StoredLicence], today: Date) -> Renewal {
    let terms = &found.licence.terms;
    let follows = |other: &StoredLicence| !other.is_taken_back() && other.licence.terms.continue_from(terms);
    if all.iter().any(follows) {
        Renewal::Renewed
    } else if days_left(terms, today) <= NOTICE_DAYS[0] {
        Renewal::Due
    } else {
        Renewal::NotDue
    }
}
