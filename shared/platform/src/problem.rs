//! Errors to a caller: `application/problem+json` (RFC 9457) with a type, the input's name and a hint.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use service::{Failure, Service};
use utoipa::ToSchema;

/// One thing that is wrong with the input, inside a [`Problem`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Issue {
    /// JSON pointer to the input, such as `/attributes/2/formula`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
    /// How to put it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the text of the input, in UTF-8 bytes from its start: `[from, to)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<[usize; 2]>,
}

/// A refusal that tells the caller what to do about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, for people.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is wrong, naming the input.
    pub detail: String,
    /// How to put it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Each single thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// Seconds after which it may go well: the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u16>,
}

/// Seconds after which one comes back who was told that something does not answer for now.
const RETRY_AFTER: u16 = 10;

impl Problem {
    /// A problem of a kind: `name` ends its type URN, `title` is for people.
    #[must_use]
    pub fn new(status: StatusCode, name: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:analytics-engine:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            issues: Vec::new(),
            retry_after: None,
        }
    }

    /// 400: the request can't be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "The request can't be read",
            detail,
        )
    }

    /// 422: the request can be read, and what it asks for is not valid.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-input",
            "The input is not valid",
            detail,
        )
    }

    /// 401: who asks is not known.
    #[must_use]
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in", detail)
    }

    /// 401: the token's client is gone; its tokens live on for a while.
    #[must_use]
    pub fn client_is_gone() -> Self {
        Self::unauthenticated("the token's client does not exist any more")
    }

    /// 403: who asks may not.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not-allowed", "Not allowed", detail)
    }

    /// 404: there is no such thing for this client. The answer is the same for another client's thing.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            format!("there is no {what} {name:?}"),
        )
    }

    /// 409: it exists, or was changed meanwhile.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Conflict", detail)
    }

    /// 413: more than a named limit allows.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail)
    }

    /// 415: the body is written in a way that is not read.
    #[must_use]
    pub fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Unsupported media type",
            detail,
        )
    }

    /// 429: too many tries; it may go well after so many seconds.
    #[must_use]
    pub fn too_many(detail: impl Into<String>, retry_after: u16) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many requests",
            detail,
        )
        .retry_after(retry_after)
    }

    /// 500: not the caller's fault. The cause goes to the log, not to the caller.
    #[must_use]
    pub fn internal(cause: &anyhow::Error) -> Self {
        tracing::error!(cause = format!("{cause:#}"), "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "the request could not be carried out",
        )
    }

    /// 503: it took longer than it may, and nothing was changed. The cause goes to the log.
    #[cfg(feature = "database")]
    fn took_too_long(cause: &anyhow::Error) -> Self {
        tracing::warn!(cause = format!("{cause:#}"), "request took too long");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "took-too-long",
            "Took too long",
            "the database took longer than a request may",
        )
        .hint("try again when less is going on, or ask for less: a shorter range, a longer period, fewer groups")
        .retry_after(RETRY_AFTER)
    }

    /// 503: the database does not answer. The cause goes to the log.
    #[cfg(feature = "database")]
    fn database_is_unavailable(cause: &anyhow::Error) -> Self {
        tracing::error!(cause = format!("{cause:#}"), "the database is unavailable");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "The database does not answer",
            "the database does not answer, so nothing can be said or changed for now",
        )
        .hint("try again in a minute; a change that was cut off may have been made or not: read before you repeat it")
        .retry_after(RETRY_AFTER)
    }

    /// 503: the client is being moved to another database, so nothing of it may be written for a while.
    #[cfg(feature = "database")]
    fn is_being_moved(cause: &anyhow::Error) -> Self {
        tracing::warn!(cause = format!("{cause:#}"), "the client is being moved");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "being-moved",
            "The organisation is being moved",
            "the organisation's data is being moved to another database: it can be read, and changed again in some minutes",
        )
        .hint("nothing was changed: send the request again later; events may be sent all the time")
        .retry_after(RETRY_AFTER)
    }

    /// 503: a service that the function calls does not answer, or refuses for now. The cause goes to the log.
    fn service_is_unavailable(service: Service, cause: &anyhow::Error) -> Self {
        tracing::error!(
            cause = format!("{cause:#}"),
            service = service.name(),
            "a service is unavailable"
        );
        let (name, title) = match service {
            Service::Registry => ("registry-unavailable", "The registry does not answer"),
            Service::Queue => ("queue-unavailable", "The queue does not answer"),
            Service::Files => ("file-store-unavailable", "The file store does not answer"),
            Service::Bus => ("event-bus-unavailable", "The event bus does not answer"),
            Service::Mail => ("mail-unavailable", "The mail service does not answer"),
        };
        let detail = format!(
            "the {} does not answer, or refuses for now, so the request could not be carried out",
            service.name()
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, name, title, detail)
            .hint("try again in a minute; what was sent may have been taken or not: send it under the same Idempotency-Key, or read before you repeat it")
            .retry_after(RETRY_AFTER)
    }

    /// 503: the function's time is over, whatever it waited for.
    pub(crate) fn is_out_of_time() -> Self {
        tracing::error!("a request is not answered in time: something that it waits for does not answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-answer-in-time",
            "No answer in time",
            "something that the request waits for did not answer in time",
        )
        .hint("try again in a minute; a change that was cut off may have been made or not: read before you repeat it")
        .retry_after(RETRY_AFTER)
    }

    /// Adds after how many seconds it may go well.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds how to put it right.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds each single thing that is wrong.
    #[must_use]
    pub fn issues(mut self, issues: Vec<Issue>) -> Self {
        self.issues = issues;
        self
    }
}

impl From<anyhow::Error> for Problem {
    fn from(cause: anyhow::Error) -> Self {
        #[cfg(feature = "database")]
        if let Some(error) = cause.downcast_ref::<database::Error>() {
            if error.is_out_of_time() {
                return Self::took_too_long(&cause);
            }
            if error.is_being_moved() {
                return Self::is_being_moved(&cause);
            }
            if error.is_unavailable() {
                return Self::database_is_unavailable(&cause);
            }
        }
        let failure = cause.chain().find_map(|error| error.downcast_ref::<Failure>());
        match failure.filter(|failure| failure.is_unavailable()) {
            Some(failure) => Self::service_is_unavailable(failure.service(), &cause),
            None => Self::internal(&cause),
        }
    }
}

/// Most characters of what is said of an input, which may repeat it.
const MAX_DETAIL: usize = 1_000;

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL) {
        text.truncate(end);
        text.push('…');
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        shorten(&mut self.detail);
        self.issues.iter_mut().for_each(|issue| shorten(&mut issue.detail));
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn told(problem: Problem) -> Option<String> {
        let response = problem.into_response();
        let told = response.headers().get(header::RETRY_AFTER)?;
        Some(told.to_str().unwrap().to_owned())
    }

    #[test]
    fn who_may_come_back_is_told_when() {
        assert_eq!(told(Problem::too_many("more than 10", 7)).as_deref(), Some("7"));
        assert_eq!(told(Problem::forbidden("no")), None);
    }

    #[cfg(feature = "database")]
    #[test]
    fn who_meets_a_database_that_does_not_answer_is_told_when() {
        let cause = anyhow::anyhow!("gone");
        for problem in [
            Problem::took_too_long(&cause),
            Problem::database_is_unavailable(&cause),
            Problem::is_being_moved(&cause),
        ] {
            assert_eq!(told(problem).as_deref(), Some("10"));
        }
    }

    #[tokio::test]
    async fn an_input_is_not_repeated_without_end() {
        for (length, shown) in [
            (MAX_DETAIL, MAX_DETAIL),
            (MAX_DETAIL + 1, MAX_DETAIL + 1),
            (100_000, MAX_DETAIL + 1),
        ] {
            let detail = "ü".repeat(length);
            let issue = Issue {
                pointer: "/name".to_owned(),
                detail: detail.clone(),
                hint: None,
                span: None,
            };
            let response = Problem::invalid(detail).issues(vec![issue]).into_response();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            for text in [&body["detail"], &body["issues"][0]["detail"]] {
                assert_eq!(text.as_str().unwrap().chars().count(), shown);
            }
        }
    }
}
