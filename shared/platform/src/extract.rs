//! Parses a request into types at the edge: the caller, JSON bodies and query strings, with errors that name the input.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use identity::ids::{self, InvalidId};
use identity::{Caller, Denied, Permission, Refused, Role};
use lambda_http::request::RequestContext;
use route::{Form, Parameter, Place};
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::problem::Issue;
use crate::strict::Strict;

/// The caller of a route that takes a permission: [`crate::http::Routes`] has checked it before the handler runs.
#[derive(Clone, Copy)]
pub struct Authorized(pub Caller);

/// Whether a caller may do what the permission names.
///
/// # Errors
/// 403 naming the role, or the feature that is not licensed, and the permission.
pub fn permitted(caller: &Caller, permission: Permission) -> Result<(), Problem> {
    caller.check(permission).map_err(|denied| match denied {
        Denied::Role(role) => Problem::forbidden(format!("the role {:?} may not {permission}", role.name()))
            .hint(if Role::OF_CLIENTS.iter().any(|role| role.may(permission)) {
                "ask an administrator of your organisation for another role"
            } else {
                "only the provider of the engine does this"
            }),
        Denied::Unlicensed(feature) => Problem::new(
            http::StatusCode::FORBIDDEN,
            "not-licensed",
            "Not licensed",
            format!("your organisation has no valid licence with the feature {:?}, which it takes to {permission}", feature.name()),
        )
        .hint(
            "GET /v1/licences shows an administrator what is licensed; your provider issues licences, and a new one counts from the next POST /v1/refresh-token on",
        ),
    })
}

impl<S: Sync> FromRequestParts<S> for Authorized {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            Problem::internal(&anyhow::anyhow!(
                "the handler of {} {} asks for a caller, and its route is open",
                parts.method,
                parts.uri.path()
            ))
        })
    }
}

/// The caller that the authorizer put into the request's context. A token that it did not accept it lets through to here, because API Gateway's own answer would
/// not say what to do.
pub(crate) fn caller(extensions: &http::Extensions) -> Result<Caller, Problem> {
    let Some(RequestContext::ApiGatewayV2(context)) = extensions.get::<RequestContext>() else {
        return Err(Problem::unauthenticated("the request did not come through the API"));
    };
    let fields = context.authorizer.as_ref().map(|authorizer| &authorizer.fields);
    let text = |name: &str| {
        fields
            .and_then(|fields| fields.get(name))
            .and_then(serde_json::Value::as_str)
    };
    if let Some(refused) = Refused::from_context(text) {
        return Err(not_accepted(refused));
    }
    Caller::from_context(text)
        .ok_or_else(|| Problem::unauthenticated("the token names no client").hint("sign in again"))
}

fn not_accepted(refused: Refused) -> Problem {
    match refused {
        Refused::Expired => Problem::unauthenticated("the access token has expired").hint(
            "POST /v1/refresh-token takes the refresh token that came with it and gives new ones; POST /v1/sign-in does after that",
        ),
        Refused::NotAccepted => {
            Problem::unauthenticated("the Authorization header has no access token of this API that is good now")
                .hint("POST /v1/sign-in gives one: send it as `Authorization: Bearer TOKEN`")
        }
    }
}

/// The request's own id, which its answer has as `apigw-requestid`: events that it causes carry it on.
pub struct CorrelationId(pub String);

impl<S: Sync> FromRequestParts<S> for CorrelationId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let id = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        id.map(Self)
            .ok_or_else(|| Problem::unauthenticated("the request did not come through the API"))
    }
}

/// The network that a request comes from, as API Gateway saw it: an IPv4 address, or 64 bits of an IPv6 address, the rest of which whoever has a line chooses.
pub struct Source(pub String);

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let address = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        let address = address.and_then(|address| address.parse().ok());
        address
            .map(|address| Self(network(address)))
            .ok_or_else(|| Problem::unauthenticated("the request did not come through the API"))
    }
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A JSON body, with the path to what is wrong in it.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Body::from_request(request, state).await?.0;
        // Without this a list would fill an object's fields by their order, and an empty one all that have a default.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(malformed(
                String::new(),
                "it is a list, and this route takes an object".to_owned(),
            ));
        }
        parse_json(&bytes).map(Self)
    }
}

/// A body as bytes, at most [`crate::http::MAX_BODY_BYTES`].
pub struct Body(pub axum::body::Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        axum::body::Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|_| Problem::too_large(format!("the body is over {} bytes", crate::http::MAX_BODY_BYTES)))
    }
}

/// Parses JSON, naming the place of the first error.
///
/// # Errors
/// 400 with a pointer to the field and the position in the text.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut track = serde_path_to_error::Track::new();
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let tracked = serde_path_to_error::Deserializer::new(&mut text, &mut track);
    let read = T::deserialize(Strict(tracked)).and_then(|value| text.end().map(|()| value));
    read.map_err(|error| malformed(pointer(&track.path().to_string()), error.to_string()))
}

fn malformed(pointer: String, detail: String) -> Problem {
    Problem::malformed(format!("the body is not the JSON that this route takes: {detail}"))
        .hint("the route's schema is in /openapi.json")
        .issues(vec![Issue {
            pointer,
            detail,
            hint: None,
            span: None,
        }])
}

/// What a path names, decoded.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| Problem::malformed(format!("the path can't be read: {}", error.body_text())))
    }
}

/// A query string as a type.
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| {
                Problem::malformed(format!(
                    "the query string is not what this route takes: {}",
                    error.body_text()
                ))
            })
    }
}

/// Whether a query string has only parameters that its route takes, each of them once: a misspelt one would silently ask for something else, and what reads a
/// repeated one into a type would name another.
///
/// # Errors
/// 400 naming the parameter.
pub(crate) fn check_query(uri: &http::Uri, takes: &[Parameter]) -> Result<(), Problem> {
    let Ok(axum::extract::Query(pairs)) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return Err(Problem::malformed("the query string can't be read"));
    };
    let mut names = BTreeSet::new();
    for (name, value) in &pairs {
        let Some(parameter) = takes.iter().find(|parameter| parameter.takes(name)) else {
            return Err(Problem::malformed(format!("there is no query parameter {name:?}")).hint(taken(takes)));
        };
        if let Some(other) = other_spelling(parameter, value) {
            return Err(Problem::malformed(format!("the query parameter {name:?}: {other}")));
        }
        if !names.insert(name) {
            return Err(
                Problem::malformed(format!("the query string has the parameter {name:?} more than once"))
                    .hint("give each parameter once"),
            );
        }
    }
    Ok(())
}

/// Whether the identities in a path are spelt as they are written: another spelling names nothing.
///
/// # Errors
/// 404 with the right one.
pub(crate) fn check_path<'a>(
    mut values: impl Iterator<Item = (&'a str, &'a str)>,
    takes: &[Parameter],
) -> Result<(), Problem> {
    let other = values.find_map(|(name, value)| {
        let parameter = takes.iter().find(|parameter| parameter.name == name)?;
        Some((value, other_spelling(parameter, value)?))
    });
    other.map_or(Ok(()), |(value, other)| {
        Err(Problem::not_found("identity", value).hint(other.to_string()))
    })
}

/// Why a value is refused that is an identity in another spelling; what is none is told by whoever reads it.
fn other_spelling(parameter: &Parameter, value: &str) -> Option<InvalidId> {
    let is_identity = matches!(parameter.form, Form::Uuid);
    let refused = ids::read(value).err().filter(|_| is_identity)?;
    matches!(refused, InvalidId::OtherSpelling { .. }).then_some(refused)
}

/// The query parameters of a route in words.
fn taken(takes: &[Parameter]) -> String {
    let queries = takes.iter().filter(|parameter| parameter.place == Place::Query);
    let names: Vec<String> = queries
        .map(|parameter| match parameter.form {
            Form::ByKey => format!("{}[KEY]", parameter.name),
            _ => parameter.name.to_owned(),
        })
        .collect();
    if names.is_empty() {
        return "this route takes none".to_owned();
    }
    format!("this route takes {}", names.join(", "))
}

/// A path of serde (`attributes[2].name`) as a JSON pointer (`/attributes/2/name`).
fn pointer(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    let mut pointer = String::from(if path.starts_with('[') { "" } else { "/" });
    for character in path.chars() {
        match character {
            '.' | '[' => pointer.push('/'),
            ']' => {}
            other => pointer.push(other),
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_pointer() {
        for (path, expected) in [
            (".", ""),
            ("name", "/name"),
            ("[1].name", "/1/name"),
            ("attributes[2].name", "/attributes/2/name"),
        ] {
            assert_eq!(pointer(path), expected);
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_or_given_again_is_named() {
        let takes = [
            Parameter::path("code", ""),
            Parameter::query("limit", ""),
            Parameter::query("client", "").of(Form::Uuid),
            Parameter::query("filter", "").of(Form::ByKey),
        ];
        for (query, named) in [
            ("", None),
            ("limit=1&filter[a]=x&filter[b]=x", None),
            ("limt=1", Some("no query parameter \"limt\"")),
            ("code=1", Some("no query parameter \"code\"")),
            ("filter=1", Some("no query parameter \"filter\"")),
            ("limit=1&filter[a]=1&limit=2", Some("\"limit\" more than once")),
            ("client=018f4e2a-7c1b-7d3e-9a52-3f6f1c2a52ab", None),
            (
                "client=018F4E2A-7C1B-7D3E-9A52-3F6F1C2A52AB",
                Some("another spelling of 018f4e2a-7c1b"),
            ),
            ("limit=018F4E2A-7C1B-7D3E-9A52-3F6F1C2A52AB", None),
            (
                "filter%5Ba%20b%5D=1&limit=2&filter[a+b]=3",
                Some("\"filter[a b]\" more than once"),
            ),
        ] {
            let uri = format!("/v1/batches?{query}").parse().expect("a URI");
            let refused = check_query(&uri, &takes).err();
            let told = refused.as_ref().map(|problem| problem.detail.as_str());
            assert_eq!(told.is_some(), named.is_some(), "{query}: {told:?}");
            assert!(told.unwrap_or_default().contains(named.unwrap_or_default()), "{told:?}");
        }
    }

    #[test]
    fn the_first_error_is_named() {
        let problem = parse_json::<Vec<u8>>(b"[1, \"x\"]").expect_err("text is no number");
        assert_eq!(problem.status, 400);
        assert_eq!(problem.issues[0].pointer, "/1");
    }

    #[test]
    fn a_source_is_a_network() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected, "{address}");
        }
    }
}
