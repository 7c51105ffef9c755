//! AWS's signature, version 4, of a request without a query.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::Method;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// What a signature is good for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// Signs requests of one day: its key is derived once.
pub(super) struct Signer {
    key: Vec<u8>,
    access_key: String,
    session_token: Option<String>,
    day: String,
    /// `DAY/REGION/SERVICE/aws4_request`.
    scope: String,
}

/// A signed request's headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) date: String,
    pub(super) authorization: String,
}

impl Signer {
    pub(super) fn new(credentials: &Credentials, scope: Scope<'_>, now: Timestamp) -> Self {
        let (Scope { region, service }, day) = (scope, day(now));
        let key = generate_signing_key(credentials.secret_access_key(), SystemTime::from(now), region, service);
        Self {
            key: key.as_ref().to_vec(),
            access_key: credentials.access_key_id().to_owned(),
            session_token: credentials.session_token().map(str::to_owned),
            scope: format!("{day}/{region}/{service}/aws4_request"),
            day,
        }
    }

    /// Whether it signs requests of this moment.
    pub(super) fn is_of(&self, now: Timestamp) -> bool {
        day(now) == self.day
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Signs a request to a path as it is sent, encoded.
    pub(super) fn sign(&self, method: &Method, host: &str, path: &str, body: &[u8], now: Timestamp) -> Signed {
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (mut token, mut names) = (String::new(), "host;x-amz-date".to_owned());
        if let Some(value) = &self.session_token {
            token = format!("x-amz-security-token:{value}\n");
            names.push_str(";x-amz-security-token");
        }
        // Every service but S3 wants the path encoded once more.
        let canonical = format!(
            "{method}\n{}\n\nhost:{host}\nx-amz-date:{date}\n{token}\n{names}\n{}",
            encoded(path, "/"),
            hash(body)
        );
        let scope = &self.scope;
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
        let signature = calculate_signature(&self.key, text.as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        Signed { date, authorization }
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y%m%d").to_string()
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Percent-encoded as the signature wants it, but for the characters of `kept`.
pub(super) fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(character) || (byte.is_ascii() && kept.contains(character)) {
            encoded.push(character);
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    #[test]
    fn it_is_what_the_library_of_aws_computes() {
        let now: Timestamp = "2026-11-27T19:30:05Z".parse().unwrap();
        let scope = Scope {
            region: "eu-central-1",
            service: "execute-api",
        };
        let path = format!("/live/@connections/{}", encoded("L0SM9cOFvHcCIhw=", ""));
        for (token, method, body) in [
            (None, Method::POST, &b"a frame"[..]),
            (Some("a/token+with=signs".to_owned()), Method::POST, b"a frame"),
            (Some("a/token+with=signs".to_owned()), Method::DELETE, b""),
        ] {
            let credentials = Credentials::new("AKIDEXAMPLE", "a/secret+key", token, None, "test");
            let signed = Signer::new(&credentials, scope, now).sign(&method, "example.com", &path, body, now);

            let identity = credentials.into();
            let params = v4::SigningParams::builder()
                .identity(&identity)
                .region(scope.region)
                .name(scope.service)
                .time(now.into())
                .settings(SigningSettings::default())
                .build()
                .unwrap();
            let url = format!("https://example.com{path}");
            let request = SignableRequest::new(method.as_str(), url, std::iter::empty(), SignableBody::Bytes(body));
            let (instructions, _) = sign(request.unwrap(), &params.into()).unwrap().into_parts();
            let headers: std::collections::BTreeMap<_, _> = instructions.headers().collect();
            assert_eq!(headers["authorization"], signed.authorization);
            assert_eq!(headers["x-amz-date"], signed.date);
        }
    }
}
