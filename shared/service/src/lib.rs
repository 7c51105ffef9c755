//! What AWS's services answer, or don't: the one place that reads an error of their SDKs.
//!
//! A service that does not answer, or refuses for now, is nothing that a caller did: it is told by name, and the caller comes back. Everything else is a
//! fault of ours.

use std::error::Error as StdError;
use std::fmt::Debug;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A service that functions call, by what it is to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `DynamoDB`.
    Registry,
    /// SQS.
    Queue,
    /// S3.
    Files,
    /// `EventBridge`.
    Bus,
    /// SES.
    Mail,
}

impl Service {
    /// Its name in answers and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Queue => "queue",
            Self::Files => "file store",
            Self::Bus => "event bus",
            Self::Mail => "mail service",
        }
    }
}

/// A call that failed, also after the SDK's own retries.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Failure {
    service: Service,
    is_unavailable: bool,
    #[source]
    cause: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// Reads what the SDK says of a call.
    pub fn of<E>(service: Service, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        Self {
            service,
            is_unavailable: is_unavailable(&error),
            cause: Box::new(error),
        }
    }

    /// For `map_err`: what the SDK says of a call of this service.
    pub fn from_call<E>(service: Service) -> impl FnOnce(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        move |error| Self::of(service, error)
    }

    /// A call that is not made, for what it is.
    pub fn of_request(service: Service, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            service,
            is_unavailable: false,
            cause: cause.into(),
        }
    }

    /// A call whose answer began, and did not come to its end.
    pub fn of_answer(service: Service, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            service,
            is_unavailable: true,
            cause: cause.into(),
        }
    }

    /// Which service.
    #[must_use]
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Whether the service, or the way to it, is at fault, so that the same call may go well later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        self.is_unavailable
    }

    fn text(&self) -> String {
        let what = if self.is_unavailable {
            "does not answer, or refuses for now"
        } else {
            "refused a call"
        };
        format!("the {} {what}", self.service.name())
    }
}

/// The codes by which services say that they are asked too much, or took too long (those that the SDK tries again for).
const FOR_NOW: [&str; 12] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "RequestTimeout",
    "RequestTimeoutException",
];

fn is_unavailable<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        // No answer, or one that breaks off: what there is of it says nothing of the request.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let code = refusal.err().code().unwrap_or_default();
            status >= 500 || status == 429 || FOR_NOW.contains(&code)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn refused(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        SdkError::service_error(ErrorMetadata::builder().code(code).build(), response)
    }

    #[test]
    fn what_may_go_well_later_is_told_from_what_will_not() {
        for (name, error, expected) in [
            ("no answer in time", SdkError::timeout_error("8 s"), true),
            (
                "refused port",
                SdkError::dispatch_failure(ConnectorError::io("refused".into())),
                true,
            ),
            (
                "slow connection",
                SdkError::dispatch_failure(ConnectorError::timeout("2 s".into())),
                true,
            ),
            ("busy", refused(503, "ServiceUnavailable"), true),
            ("broken", refused(500, "InternalServerError"), true),
            (
                "throttled",
                refused(400, "ProvisionedThroughputExceededException"),
                true,
            ),
            ("slow down", refused(429, ""), true),
            ("not allowed", refused(403, "AccessDenied"), false),
            ("not there", refused(404, "NoSuchKey"), false),
            ("wrong", refused(400, "ValidationException"), false),
            ("not sent", SdkError::construction_failure("no region"), false),
        ] {
            let failure = Failure::of(Service::Queue, error);
            assert_eq!(failure.is_unavailable(), expected, "{name}");
            assert!(failure.to_string().starts_with("the queue "), "{failure}");
        }
    }
}
