//! Parses a request into types at the edge: the caller, JSON bodies and query strings, with errors that name the input.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use identity::{Caller, Denied, Permission, Role};
use lambda_http::request::RequestContext;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::problem::Issue;

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

/// The caller that the authorizer put into the request's context.
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
    Caller::from_context(text)
        .ok_or_else(|| Problem::unauthenticated("the token names no client").hint("sign in again"))
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
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(&error.path().to_string());
        malformed(pointer, error.inner().to_string())
    })
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
        if let Some(name) = repeated(&parts.uri) {
            return Err(
                Problem::malformed(format!("the query string has the parameter {name:?} more than once"))
                    .hint("give each parameter once"),
            );
        }
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

/// The first parameter that a query string has again. What reads it into a type would name another one.
fn repeated(uri: &http::Uri) -> Option<String> {
    let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let mut names = BTreeSet::new();
    pairs
        .into_iter()
        .map(|(name, _)| name)
        .find(|name| !names.insert(name.clone()))
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
    fn a_parameter_that_is_given_again_is_named() {
        for (query, expected) in [
            ("", None),
            ("limit=1&entity=a", None),
            ("entity=a&limit=1&entity=b", Some("entity")),
            ("a%20b=1&limit=2&a+b=3", Some("a b")),
        ] {
            let uri = format!("/v1/batches?{query}").parse().expect("a URI");
            assert_eq!(repeated(&uri).as_deref(), expected, "{query}");
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
