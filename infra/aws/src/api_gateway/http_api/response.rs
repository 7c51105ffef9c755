//! What a function answered, as the HTTP response that API Gateway makes of it (payload format 2.0).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

/// Headers that belong to the connection and are the gateway's to set.
const NOT_THE_FUNCTIONS: [HeaderName; 3] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Structured {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// `None` when the answer is not one that API Gateway understands.
pub(super) fn read(answer: &[u8], request_id: &str) -> Option<Response> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    let has_status = value.get("statusCode").is_some();
    let structured = if has_status {
        serde_json::from_value(value).ok()?
    } else {
        inferred(value)
    };
    build(structured, request_id)
}

/// Anything without a status code is a body.
fn inferred(value: Value) -> Structured {
    let body = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".into())]);
    Structured {
        status_code: 200,
        headers: Some(headers),
        cookies: None,
        body: Some(body),
        is_base64_encoded: None,
    }
}

fn build(answer: Structured, request_id: &str) -> Option<Response> {
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded == Some(true) {
        STANDARD.decode(body).ok()?
    } else {
        body.into_bytes()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain;charset=UTF-8"),
    );
    for (name, value) in answer.headers.unwrap_or_default() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::try_from(name).ok()?;
        if !NOT_THE_FUNCTIONS.contains(&name) {
            headers.insert(name, HeaderValue::from_str(&text).ok()?);
        }
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    headers.insert("apigw-requestid", HeaderValue::from_str(request_id).ok()?);
    Some(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    async fn text(answer: &str) -> (u16, String, String) {
        let response = read(answer.as_bytes(), "id").unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn both_forms_are_understood() {
        let cases = [
            (r#"{"a":1}"#, 200, "application/json", r#"{"a":1}"#),
            (r#""hello""#, 200, "application/json", "hello"),
            ("null", 200, "application/json", "null"),
            (r#"{"statusCode":204}"#, 204, "text/plain;charset=UTF-8", ""),
            (
                r#"{"statusCode":200,"headers":{"Content-Type":"a/b","Content-Length":"99"},"body":"x"}"#,
                200,
                "a/b",
                "x",
            ),
            (
                r#"{"statusCode":418,"body":"aGk=","isBase64Encoded":true}"#,
                418,
                "text/plain;charset=UTF-8",
                "hi",
            ),
        ];
        for (answer, status, kind, body) in cases {
            assert_eq!(
                text(answer).await,
                (status, kind.to_owned(), body.to_owned()),
                "{answer}"
            );
        }
    }

    #[test]
    fn cookies_are_set_one_by_one() {
        let response = read(br#"{"statusCode":200,"cookies":["a=1","b=2; Secure"]}"#, "id").unwrap();
        let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1", "b=2; Secure"]);
    }

    #[test]
    fn other_forms_are_refused() {
        let cases = [
            "",
            "{",
            r#"{"statusCode":"x"}"#,
            r#"{"statusCode":20}"#,
            r#"{"statusCode":200,"body":{}}"#,
        ];
        for answer in cases {
            assert!(read(answer.as_bytes(), "id").is_none(), "{answer}");
        }
    }
}
