//! Who may speak to a listener.
//!
//! A browser sends requests to this machine for any page that it shows. A page can't read the answer of a service that allows no origin, but many requests are
//! sent without asking first, and one whose host name is made to mean 127.0.0.1 is of the same origin as what it asks. So a listener answers only to its own
//! address, and what is not meant for pages answers none: neither to a request that names an origin, nor to one without the header of a signature, which no
//! page can send without asking first.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde_json::json;

/// How the header begins by which every client of AWS says who it is.
const SIGNED: &str = "AWS4-HMAC-SHA256 ";

/// What a listener asks of a request besides its own address as `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing more: pages may call it.
    Public,
    /// That no page sent it. Who did, the service finds out by itself.
    NoPage,
    /// That no page sent it, and that it has the header of a signature.
    Signed,
}

/// Has all that `router` serves on `address` pass the gate first.
pub(crate) fn guarded(router: Router, address: SocketAddr, gate: Gate) -> Router {
    router.layer(middleware::from_fn_with_state((address.ip(), gate), pass))
}

/// Lets a request pass, or refuses it.
pub(crate) async fn pass(State((address, gate)): State<(IpAddr, Gate)>, request: Request, next: Next) -> Response {
    match check(request.headers(), address, gate) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(
                path = request.uri().path(),
                reason = refusal.message,
                "a request is refused"
            );
            refusal.into_response()
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    kind: &'static str,
    message: &'static str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { kind, message } = self;
        let body = axum::Json(json!({ "__type": kind, "message": message }));
        (StatusCode::FORBIDDEN, [("x-amzn-errortype", kind)], body).into_response()
    }
}

fn check(headers: &HeaderMap, address: IpAddr, gate: Gate) -> Result<(), Refusal> {
    let refuse = |kind, message| Err(Refusal { kind, message });
    if !only(headers, header::HOST).is_some_and(|host| is_own(host, address)) {
        let message = "the Host of the request is not the address of this listener: use that, or localhost";
        return refuse("AccessDeniedException", message);
    }
    if gate != Gate::Public && headers.contains_key(header::ORIGIN) {
        return refuse("AccessDeniedException", "a page of a browser may not call this service");
    }
    if gate == Gate::Signed && !only(headers, header::AUTHORIZATION).is_some_and(|value| value.starts_with(SIGNED)) {
        let message = "Missing Authentication Token: the header Authorization should begin with AWS4-HMAC-SHA256";
        return refuse("MissingAuthenticationTokenException", message);
    }
    Ok(())
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a `Host` names a listener's address. Ports don't count: they may be forwarded from others. A name other than localhost may be made to mean
/// any address by whoever owns it.
fn is_own(host: &str, address: IpAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let named = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    named.is_ok_and(|named| named == address || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_listener_answers_to_its_own_address() {
        for (host, address, expected) in [
            ("127.0.0.1:3000", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("localhost:3000", "127.0.0.1", true),
            ("LOCALHOST", "127.0.0.1", true),
            ("[::1]:3000", "::1", true),
            ("192.168.7.5:3000", "192.168.7.5", true),
            ("192.168.7.5:3000", "0.0.0.0", true),
            ("192.168.7.5:3000", "127.0.0.1", false),
            ("rebound.example:3000", "127.0.0.1", false),
            ("rebound.example:3000", "0.0.0.0", false),
            ("localhost.rebound.example", "127.0.0.1", false),
            ("127.0.0.1.rebound.example", "127.0.0.1", false),
            ("127.0.0.1@rebound.example", "127.0.0.1", false),
            ("", "127.0.0.1", false),
        ] {
            assert_eq!(is_own(host, address.parse().unwrap()), expected, "{host} at {address}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "127.0.0.1".parse().unwrap());
        assert_eq!(check(&headers, "127.0.0.1".parse().unwrap(), Gate::Public), Ok(()));
        headers.append(header::HOST, "127.0.0.1".parse().unwrap());
        check(&headers, "127.0.0.1".parse().unwrap(), Gate::Public).unwrap_err();
    }
}
