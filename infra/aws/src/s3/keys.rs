//! Keys of objects that no file can be named after, answered here: the engine would say "internal error" to all of them.
//!
//! S3 has no folders and takes any key of up to 1,024 bytes. Here a key is the path of a file, so one object's key can't be
//! the beginning of another's at a slash, and names have a file system's limits. Such an object is refused with 501
//! `NotImplemented`, and nothing is found under such a key.

use std::path::Path;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;

/// Longest name of a file.
const NAME_BYTES: usize = 255;

/// What the engine writes around bucket and key, both in base64, to name the file that describes an object:
/// `.bucket-B.object-K.internal.json`.
const DESCRIPTION_BYTES: usize = 30;

/// The same of an upload in parts: `.bucket-B.object-K.upload-ID.metadata.json`.
const UPLOAD_DESCRIPTION_BYTES: usize = 74;

/// The bucket and the key of a request to an object, decoded.
pub(super) fn object_of(uri: &Uri) -> Option<(String, String)> {
    let (bucket, key) = uri.path().strip_prefix('/')?.split_once('/')?;
    let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    (!bucket.is_empty() && !key.is_empty()).then_some(())?;
    Some((decode(bucket)?, decode(key)?))
}

/// The answer to a request whose key is none of a file in the folder `root`; `None` is for the engine to answer.
pub(super) fn refusal(root: &Path, method: &Method, uri: &Uri) -> Option<Response> {
    let (bucket, key) = object_of(uri)?;
    let in_parts = uri.query().is_some_and(|query| query.contains("upload"));
    let reason = unnameable(&bucket, &key, in_parts).or_else(|| taken(&root.join(&bucket), &key))?;
    Some(match *method {
        Method::PUT | Method::POST => {
            let message = format!("the local S3 keeps objects as files, and {reason}: choose another key");
            error(StatusCode::NOT_IMPLEMENTED, "NotImplemented", &message)
        }
        Method::DELETE => StatusCode::NO_CONTENT.into_response(),
        _ => error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
    })
}

/// Why no file can have this name.
fn unnameable(bucket: &str, key: &str, in_parts: bool) -> Option<&'static str> {
    let mut names = key.strip_suffix('/').unwrap_or(key).split('/');
    if names.any(|name| matches!(name, "" | "." | "..") || name.contains('\0')) {
        return Some("a part of the key is no name of a file");
    }
    let description = if in_parts {
        UPLOAD_DESCRIPTION_BYTES
    } else {
        DESCRIPTION_BYTES
    };
    let base64 = |text: &str| (text.len() * 4).div_ceil(3);
    if description + base64(bucket) + base64(key) > NAME_BYTES || key.split('/').any(|name| name.len() > NAME_BYTES) {
        return Some("the key is too long for the name of one");
    }
    None
}

/// Why this name is not free for a file. A key with a slash at its end is a folder for the engine.
fn taken(bucket: &Path, key: &str) -> Option<&'static str> {
    if !key.ends_with('/') && bucket.join(key).is_dir() {
        return Some("there are objects whose keys begin with this one and a slash");
    }
    let folders = key.match_indices('/').map(|(end, _)| &key[..end]);
    folders
        .map(|folder| bucket.join(folder))
        .any(|folder| folder.is_file())
        .then_some("a part of the key up to a slash is an object")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
