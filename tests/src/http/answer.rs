//! An answer, and what a test expects of it.

use std::fmt;
use std::ops::Index;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The answer to a request. It can be indexed like its body: `answer["issues"][0]["pointer"]`.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub body: Value,
    what: String,
    sent: String,
    text: String,
}

impl Answer {
    pub(super) fn new(what: String, sent: String, status: u16, headers: HeaderMap, bytes: &[u8]) -> Self {
        Self {
            status,
            headers,
            body: serde_json::from_slice(bytes).unwrap_or_default(),
            what,
            sent,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// The answer, when it is 200.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.expect(200)
    }

    /// The answer, when it is 201.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn created(self) -> Self {
        self.expect(201)
    }

    /// The answer, when it is 202.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn accepted(self) -> Self {
        self.expect(202)
    }

    /// The answer, when it is a refusal of that status.
    ///
    /// # Panics
    /// When it is another, or `status` is no refusal.
    #[track_caller]
    pub fn refused(self, status: u16) -> Self {
        assert!(status >= 400, "{status} is no refusal");
        self.expect(status)
    }

    /// The answer, when it has a status.
    ///
    /// # Panics
    /// When it has another: with the request, what it sent, and the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        if self.status == status {
            return self;
        }
        let named = |status: u16| StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |it| it.to_string());
        let body = match &self.body {
            Value::Null => self.text.clone(),
            json => format!("{json:#}"),
        };
        let sent = if self.sent.is_empty() { "nothing" } else { &self.sent };
        panic!(
            "{} is answered with {}, not with {}\n  sent: {sent}\n  answer: {body}",
            self.what,
            named(self.status),
            named(status)
        );
    }

    /// The entity tag.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// A header as text.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        match self.headers.get(name).map(|value| value.to_str()) {
            Some(Ok(value)) => value,
            _ => panic!("no header {name}: {self}"),
        }
    }

    /// What a problem says of itself; empty when the answer is none.
    #[must_use]
    pub fn detail(&self) -> &str {
        self["detail"].as_str().unwrap_or_default()
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} is answered with {}: {}", self.what, self.status, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let what = "POST /v1/kpis".to_owned();
        Answer::new(
            what,
            r#"{"code":"A"}"#.to_owned(),
            status,
            HeaderMap::new(),
            body.as_bytes(),
        )
    }

    /// What a test says that fails with an answer.
    fn failure(expect: impl FnOnce() -> Answer + std::panic::UnwindSafe) -> String {
        let panic = std::panic::catch_unwind(expect).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn an_answer_that_is_not_expected_is_told_with_its_request() {
        let conflict = r#"{"title":"Conflict","detail":"A exists"}"#;
        insta::assert_snapshot!(failure(|| answer(409, conflict).created()), @r#"
        POST /v1/kpis is answered with 409 Conflict, not with 201 Created
          sent: {"code":"A"}
          answer: {
          "detail": "A exists",
          "title": "Conflict"
        }
        "#);
        insta::assert_snapshot!(failure(|| answer(502, "<html>").ok()), @r#"
        POST /v1/kpis is answered with 502 Bad Gateway, not with 200 OK
          sent: {"code":"A"}
          answer: <html>
        "#);
    }

    #[test]
    fn an_expected_answer_is_handed_on() {
        assert_eq!(answer(201, r#"{"code":"A"}"#).created()["code"], "A");
        assert_eq!(answer(422, "{}").refused(422).detail(), "");
        assert!(failure(|| answer(200, "{}").refused(200)).contains("no refusal"));
    }
}
