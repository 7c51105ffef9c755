//! Versions of what can be replaced: `ETag` out, `If-Match` in.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::Problem;

/// A version as an `ETag` header.
#[must_use]
pub fn etag(version: i32) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, value)]
}

/// A version together with what else tells one state from another, as an `ETag` header: a draft's price changes with the
/// catalogue, and its version does not.
#[must_use]
pub fn etag_with(version: i32, fingerprint: &str) -> [(header::HeaderName, HeaderValue); 1] {
    let value =
        HeaderValue::from_str(&format!("\"{version}.{fingerprint}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, value)]
}

/// The fingerprint of [`etag_with`] that the caller has read; `None` when `If-Match` has none.
#[must_use]
pub fn expected_fingerprint(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::IF_MATCH)?.to_str().ok()?;
    text.trim()
        .trim_end_matches('"')
        .split_once('.')
        .map(|(_, fingerprint)| fingerprint)
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
    let tag = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let version = tag.split_once('.').map_or(tag, |(version, _)| version).parse();
    version.map(Some).map_err(|_| {
        Problem::malformed(format!("If-Match is {text:?}, which is no ETag of this API")).hint("such as \"3\", or *")
    })
}

/// Checks that what the caller has read is still what is stored.
///
/// # Errors
/// 412 when it is not.
pub fn check_version((what, name): (&str, &str), version: i32, expected: Option<i32>) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != version => Err(changed_meanwhile(what, name, version)),
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_tag_is_a_version_and_maybe_a_fingerprint() {
        for (text, version, fingerprint) in [
            ("\"3\"", Some(3), None),
            ("\"3.ab12\"", Some(3), Some("ab12")),
            ("W/\"3.ab12\"", Some(3), Some("ab12")),
            ("3", Some(3), None),
            ("*", None, None),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(text))]);
            assert_eq!(
                (expected_version(&headers).unwrap(), expected_fingerprint(&headers)),
                (version, fingerprint),
                "{text}"
            );
        }
        for text in ["", "\"x\"", "\".ab\"", "\"3\", \"4\""] {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(text))]);
            assert_eq!(expected_version(&headers).unwrap_err().status, 400, "{text}");
        }
        assert_eq!(expected_version(&HeaderMap::new()).unwrap_err().status, 428);
        let tag = etag_with(3, "ab12")
            .into_iter()
            .map(|(_, value)| (header::IF_MATCH, value))
            .collect();
        assert_eq!(
            (expected_version(&tag).unwrap(), expected_fingerprint(&tag)),
            (Some(3), Some("ab12"))
        );
    }
}
