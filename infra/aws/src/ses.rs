//! SES v2 in this process: every mail that a function sends becomes a file of the folder `mail`, and goes nowhere.
//!
//! Of the API there is `SendEmail` with `Content.Simple` (a subject, a text and HTML) and `Content.Raw` (a whole message).
//! The files are named after the time and the id of the mail, so that they sort, and any mail program opens them. A simple
//! mail's file has the `Bcc` header that its recipients would not see; a raw one is written as it came. The folder keeps the
//! last 1,000 mails.
//!
//! Refused are templates, attachments and headers of simple mails, charsets but UTF-8 and US-ASCII, and whatever else would
//! change the mail. `ConfigurationSetName`, `EmailTags` and the like change what SES reports of it, and are ignored. Every
//! sender is verified, and there is no quota.

mod folder;
mod message;
mod request;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{StatusCode, Uri};
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use self::folder::Folder;
use self::request::{Invalid, SendEmail};
use crate::gate::Gate;
use crate::tasks::Tasks;

/// The largest request: what SES takes as one message, 40 MB in base64 ("Service quotas in Amazon SES").
const BODY_BYTES: usize = 40 * 1024 * 1024;

/// Serves SES v2 on `listener`; mails go into `folder`, which is made.
///
/// # Errors
/// When the folder cannot be made, or the listener has no address.
pub fn start(tasks: &mut Tasks, listener: TcpListener, folder: PathBuf) -> anyhow::Result<()> {
    let folder = Arc::new(Folder::open(folder, folder::KEPT_MAILS)?);
    let router = Router::new()
        .route("/v2/email/outbound-emails", post(send))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(folder);
    Ok(tasks.serve(listener, router, Gate::Signed)?)
}

async fn send(State(folder): State<Arc<Folder>>, body: Bytes) -> Response {
    let now = crate::clock::now();
    let id = Uuid::new_v4();
    let message = serde_json::from_slice::<SendEmail>(&body)
        .map_err(|error| Invalid::new(error.to_string()))
        .and_then(|request| message::build(request, id, now));
    let message = match message {
        Ok(message) => message,
        Err(Invalid(sentence)) => return refusal(StatusCode::BAD_REQUEST, "BadRequestException", &sentence),
    };
    match folder.keep(now, id, &message) {
        Ok(path) => {
            tracing::info!(path = %path.display(), "a mail");
            Json(json!({"MessageId": id})).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a mail cannot be written");
            let sentence = format!("the mail cannot be written: {error}");
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServiceErrorException",
                &sentence,
            )
        }
    }
}

async fn unknown(uri: Uri) -> Response {
    let sentence = format!("the stand-in does not know the SES operation of {}", uri.path());
    refusal(StatusCode::NOT_FOUND, "UnknownOperationException", &sentence)
}

/// An error of AWS's REST JSON protocol.
fn refusal(status: StatusCode, kind: &'static str, sentence: &str) -> Response {
    (status, [("x-amzn-errortype", kind)], Json(json!({"message": sentence}))).into_response()
}
