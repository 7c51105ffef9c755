//! Cross-origin rules: with them API Gateway answers preflights itself and ignores what functions say about origins.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::template::Cors;

/// The headers that only the gateway sets.
const OWNED: [HeaderName; 4] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ORIGIN)?.to_str().ok().map(str::to_owned)
}

/// The answer to `OPTIONS`, which needs no route. The rest of its headers comes from [`apply`].
pub(super) fn preflight(rules: &Cors) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &rules.methods.join(","));
    set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &rules.headers.join(","));
    if let Some(seconds) = rules.max_age_s {
        set(
            headers,
            HeaderName::from_static("access-control-max-age"),
            &seconds.to_string(),
        );
    }
    response
}

/// Sets the headers of any answer to a request from `origin`.
pub(super) fn apply(rules: &Cors, origin: Option<&str>, headers: &mut HeaderMap) {
    let max_age = headers.remove(header::ACCESS_CONTROL_MAX_AGE);
    for name in OWNED {
        headers.remove(name);
    }
    let Some(origin) = origin else { return };
    let is_any = rules.origins.iter().any(|allowed| allowed == "*");
    if !is_any && !rules.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return;
    }
    // A browser refuses the star together with credentials.
    let allowed = if is_any && !rules.credentials { "*" } else { origin };
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &rules.exposed.join(","));
    if rules.credentials {
        set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    if let Some(max_age) = max_age {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, max_age);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
