//! How the documents of an organisation look. What is issued from now on looks like this; documents that are there stay.

use anyhow::Context as _;
use api_proposals::Branding;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use document::{Colour, Logo, Theme};
use platform::Problem;
use platform::extract::{Authorized, Json as Body};
use platform::problem::Issue;
use platform::versions::{etag, expected_version};
use records::branding as stored;

use crate::Context;
use crate::optimistic::{is_to_be_replaced, retry};

/// The most characters of terms and conditions: a long contract's.
const MAX_CONDITIONS: usize = 50_000;

pub(crate) async fn read(State(context): State<Context>, Authorized(caller): Authorized) -> Result<Response, Problem> {
    let found = stored::find(&context.database, caller.client)
        .await
        .context("read branding")?;
    Ok(match found {
        Some((branding, version)) => response(&branding, version),
        None => response(&default(), 0),
    })
}

pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    headers: HeaderMap,
    Body(branding): Body<Branding>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    let branding = checked(branding)?;
    retry("the branding", || async {
        let found = stored::find(&context.database, caller.client)
            .await
            .context("read branding")?;
        let version = found.as_ref().map_or(0, |(_, version)| *version);
        let same = found.is_some_and(|(found, _)| found == branding);
        if !is_to_be_replaced(("branding", "of your organisation"), version, expected, same)? {
            return Ok(Some(response(&branding, version)));
        }
        let replaced = stored::replace(&context.database, caller.client, caller.user, &branding, version);
        let version = replaced.await.context("replace branding")?;
        Ok(version.map(|version| response(&branding, version)))
    })
    .await
}

/// Everything that is wrong with it, each with its place.
fn checked(branding: Branding) -> Result<stored::Branding, Problem> {
    let Branding {
        primary_colour,
        accent_colour,
        logo,
        conditions,
    } = branding;
    let mut issues = Vec::new();
    let mut wrong = |pointer: &str, detail: String| {
        issues.push(Issue {
            pointer: pointer.to_owned(),
            detail,
            hint: None,
            span: None,
        });
    };
    for (pointer, colour) in [("/primary_colour", &primary_colour), ("/accent_colour", &accent_colour)] {
        if let Err(error) = colour.parse::<Colour>() {
            wrong(pointer, error.to_string());
        }
    }
    let length = conditions.chars().count();
    if length > MAX_CONDITIONS {
        let detail = format!("the terms and conditions have {length} characters; at most {MAX_CONDITIONS} are allowed");
        wrong("/conditions", detail);
    }
    if conditions.contains(|character: char| character.is_control() && character != '\n') {
        wrong(
            "/conditions",
            "terms and conditions may have no control characters other than line feeds".to_owned(),
        );
    }
    let logo = logo.and_then(|text| match STANDARD.decode(text) {
        Ok(bytes) => match Logo::new(&bytes) {
            Ok(_) => Some(bytes),
            Err(error) => {
                wrong("/logo", error.to_string());
                None
            }
        },
        Err(error) => {
            wrong("/logo", format!("the logo is not Base64: {error}"));
            None
        }
    });
    if let Some(first) = issues.first() {
        let detail = format!("the branding can't be accepted: {} {}", first.pointer, first.detail);
        return Err(Problem::invalid(detail).issues(issues));
    }
    Ok(stored::Branding {
        primary_colour,
        accent_colour,
        logo,
        conditions,
    })
}

fn default() -> stored::Branding {
    let Theme { primary, accent, .. } = Theme::default();
    stored::Branding {
        primary_colour: primary.to_string(),
        accent_colour: accent.to_string(),
        logo: None,
        conditions: String::new(),
    }
}

fn response(branding: &stored::Branding, version: i32) -> Response {
    let body = Branding {
        primary_colour: branding.primary_colour.clone(),
        accent_colour: branding.accent_colour.clone(),
        logo: branding.logo.as_ref().map(|logo| STANDARD.encode(logo)),
        conditions: branding.conditions.clone(),
    };
    (etag(version), Json(body)).into_response()
}
