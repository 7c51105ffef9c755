//! Versions of what can be replaced: `ETag` out, `If-Match` in.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::Problem;

/// A version as an `ETag` header.
#[must_use]
pub fn etag(version: i32) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, value)]
}

/// The version that the caller replaces; `None` for whichever is there. It must say so: else two people would overwrite
/// each other unseen.
///
/// # Errors
/// 428 without `If-Match`, 400 when it is no `ETag` of ours.
pub fn expected_version(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-required",
            "If-Match is required",
            "a replacement names the version that it replaces",
        )
        .hint("read it and send its ETag as If-Match; `If-Match: *` replaces whatever is there"));
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix("W/").unwrap_or(text).trim_matches('"').parse();
    version.map(Some).map_err(|_| {
        Problem::malformed(format!("If-Match is {text:?}, which is no ETag of this API")).hint("such as \"3\", or *")
    })
}

/// 412: somebody else was faster, and it is at another version now.
#[must_use]
pub fn changed_meanwhile(what: &str, name: &str, version: i32) -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "changed-meanwhile",
        "Changed meanwhile",
        format!("{what} {name:?} is at version {version} now"),
    )
    .hint("read it again, apply your change to it, and send its new ETag")
}
