//! SQS over AWS JSON 1.0, as the SDKs speak it: a POST whose `x-amz-target` names the operation.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::message::MessageError;
use super::queue::ReceiptError;
use super::{Queues, operations};
use crate::aws_json::{self, BODY_BYTES, JSON_1_0};
use crate::store::StoreError;

/// An error of the protocol: the JSON type, the code that SDKs match on, and a sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: &'static str,
    code: &'static str,
    message: String,
    /// Ours, not the caller's: SDKs try again.
    is_ours: bool,
}

impl Refusal {
    pub(super) fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            is_ours: false,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", "InvalidParameterValue", message)
    }

    pub(super) fn no_such_queue(name: &str) -> Self {
        Self::new(
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            format!("the specified queue does not exist: {name:?}"),
        )
    }

    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<ReceiptError> for Refusal {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Invalid => Self::new("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", error.to_string()),
            ReceiptError::NotInFlight => Self::new(
                "MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
                error.to_string(),
            ),
        }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        let code = match error {
            MessageError::Empty => "MissingParameter",
            MessageError::TooLong { .. } | MessageError::Group(_) => "InvalidParameterValue",
            MessageError::Character(_) => "InvalidMessageContents",
        };
        Self::new(code, code, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a message is not taken");
        Self {
            is_ours: true,
            ..Self::new("InternalError", "InternalError", error.to_string())
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"__type": format!("com.amazonaws.sqs#{}", self.kind), "message": self.message});
        let (status, fault) = match self.is_ours {
            true => (StatusCode::INTERNAL_SERVER_ERROR, "Receiver"),
            false => (StatusCode::BAD_REQUEST, "Sender"),
        };
        let query_error = [("x-amzn-query-error", format!("{};{fault}", self.code))];
        let answer = aws_json::answer(status, JSON_1_0, &body);
        (query_error, answer).into_response()
    }
}

/// The endpoint; every path is the same, since a request names its queue in the body.
pub(super) fn router(queues: Queues) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(queues)
}

async fn handle(State(queues): State<Queues>, headers: HeaderMap, body: Bytes) -> Response {
    match dispatch(&queues, aws_json::operation(&headers, "AmazonSQS"), &body).await {
        Ok(answer) => aws_json::answer(StatusCode::OK, JSON_1_0, &answer),
        Err(refusal) => refusal.into_response(),
    }
}

async fn dispatch(queues: &Queues, operation: &str, body: &[u8]) -> Result<Value, Refusal> {
    match operation {
        "SendMessage" => operations::send_message(queues, parse(body)?).await,
        "SendMessageBatch" => operations::send_message_batch(queues, parse(body)?).await,
        "ReceiveMessage" => operations::receive_message(queues, parse(body)?).await,
        "DeleteMessage" => operations::delete_message(queues, parse(body)?).await,
        "DeleteMessageBatch" => operations::delete_message_batch(queues, parse(body)?).await,
        "ChangeMessageVisibilityBatch" => operations::change_message_visibility_batch(queues, parse(body)?),
        "ChangeMessageVisibility" => operations::change_message_visibility(queues, parse(body)?),
        "GetQueueAttributes" => operations::get_queue_attributes(queues, parse(body)?),
        "GetQueueUrl" => operations::get_queue_url(queues, parse(body)?),
        _ => Err(Refusal::new(
            "UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
            format!("the stand-in does not know the queue operation {operation:?}"),
        )),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::new("MissingParameter", "MissingParameter", error.to_string()))
}
