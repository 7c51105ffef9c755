//! The S3 endpoint: the library's service over a folder, watched for created objects.
//!
//! The engine has no notifications. Whatever creates an object is one HTTP request with a successful answer, so the listener
//! looks at both and tells of the object; three requests create objects: `PutObject`, `CopyObject` and
//! `CompleteMultipartUpload`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use s3s::S3;
use s3s::auth::SimpleAuth;
use s3s::dto::{ETag, HeadObjectInput};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::Destinations;
use super::keys::{object_of, refusal};
use crate::account::{ACCESS_KEY, SECRET_KEY};
use crate::gate::Gate;
use crate::tasks::Tasks;

/// An object that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// What S3 calls it: `ObjectCreated:Put`, `:Copy` or `:CompleteMultipartUpload`.
    pub event: &'static str,
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag without quotes.
    pub e_tag: String,
}

/// The embedded engine and its folder.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    root: PathBuf,
}

/// What a handler of the listener needs.
#[derive(Clone)]
struct Listener {
    root: Arc<Path>,
    service: S3Service,
    /// A second view of the same folder, for the size and tag of what was created.
    files: Arc<FileSystem>,
    destinations: Destinations,
}

impl ObjectStore {
    /// Serves the folder `root` on `listener` and tells `destinations` of each created object before it is answered.
    ///
    /// # Errors
    /// When the folder cannot be made or opened, or the listener has no address.
    pub fn start(
        tasks: &mut Tasks,
        listener: TcpListener,
        root: &Path,
        destinations: Destinations,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(root)
            .with_context(|| format!("the folder of objects {} cannot be made", root.display()))?;
        let open = || {
            FileSystem::new(root).map_err(|error| {
                anyhow::anyhow!("the folder of objects {} cannot be opened: {error:?}", root.display())
            })
        };
        let mut builder = S3ServiceBuilder::new(open()?);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let state = Listener {
            root: root.into(),
            service: builder.build(),
            files: Arc::new(open()?),
            destinations,
        };
        // A signature may be in the query, too, and is checked by the service.
        tasks.serve(listener, Router::new().fallback(handle).with_state(state), Gate::NoPage)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Makes a bucket unless it is there.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.root.join(name)).with_context(|| format!("bucket {name} cannot be made"))
    }

    /// Puts an object on a bucket without a word to anybody, as what a deployment uploads is. It is there whole or not at all.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) -> anyhow::Result<()> {
        let path = self.root.join(bucket).join(key);
        let beside = path.with_extension("uploading");
        let folder = path.parent().context("an object is in a bucket")?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&beside, content))
            .and_then(|()| std::fs::rename(&beside, &path))
            .with_context(|| format!("object {key} of bucket {bucket} cannot be written"))
    }
}

async fn handle(State(listener): State<Listener>, request: Request) -> Response {
    if let Some(refusal) = refusal(&listener.root, request.method(), request.uri()) {
        return refusal;
    }
    let creates = creates(request.method(), request.uri(), request.headers());
    let mut service = listener.service.clone();
    let response = match tower::Service::call(&mut service, request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
    };
    if let Some((event, bucket, key)) = creates.filter(|_| response.status().is_success()) {
        let told = match describe(&listener.files, event, bucket, key).await {
            Ok(created) => listener.destinations.tell(&created).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::error!(%error, "a created object is not notified");
            return internal_error(&error.to_string());
        }
    }
    response
}

/// S3's answer to what is nobody's fault but its own, after which SDKs try again.
fn internal_error(message: &str) -> Response {
    let body = format!("<Error><Code>InternalError</Code><Message>{message}</Message></Error>");
    let media_type = [(http::header::CONTENT_TYPE, "application/xml")];
    (StatusCode::INTERNAL_SERVER_ERROR, media_type, body).into_response()
}

/// What a request would create if it succeeds: the event, the bucket and the key.
fn creates(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<(&'static str, String, String)> {
    let (bucket, key) = object_of(uri)?;
    let names = || {
        uri.query()
            .unwrap_or_default()
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or_default())
    };
    // `x-id` only names the operation for logs; `X-Amz-*` are a presigned URL's signature. Any other name is a sub-resource.
    let plain =
        names().all(|name| name.is_empty() || name == "x-id" || name.to_ascii_lowercase().starts_with("x-amz-"));
    let event = match *method {
        Method::PUT if plain && headers.contains_key("x-amz-copy-source") => "ObjectCreated:Copy",
        Method::PUT if plain => "ObjectCreated:Put",
        Method::POST if names().any(|name| name == "uploadId") => "ObjectCreated:CompleteMultipartUpload",
        _ => return None,
    };
    Some((event, bucket, key))
}

async fn describe(files: &FileSystem, event: &'static str, bucket: String, key: String) -> anyhow::Result<Created> {
    let input = HeadObjectInput::builder()
        .bucket(bucket.clone())
        .key(key.clone())
        .build()
        .with_context(|| format!("object {bucket}/{key}"))?;
    let request = s3s::S3Request {
        input,
        method: Method::HEAD,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    };
    let head = files
        .head_object(request)
        .await
        .map_err(|error| anyhow::anyhow!("object {bucket}/{key}: {error:?}"))?
        .output;
    let e_tag = match head.e_tag {
        Some(ETag::Strong(tag) | ETag::Weak(tag)) => tag,
        None => String::new(),
    };
    let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap_or_default();
    Ok(Created {
        event,
        bucket,
        key,
        size,
        e_tag,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_three_requests_create_objects() {
        let copy = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-amz-copy-source"),
            http::HeaderValue::from_static("a/b"),
        )]);
        let none = HeaderMap::new();
        let cases = [
            (Method::PUT, "/in/a/b.csv", &none, Some("ObjectCreated:Put")),
            (
                Method::PUT,
                "/in/a/b.csv?x-id=PutObject",
                &none,
                Some("ObjectCreated:Put"),
            ),
            (
                Method::PUT,
                "/in/b.csv?X-Amz-Signature=1&X-Amz-Date=2",
                &none,
                Some("ObjectCreated:Put"),
            ),
            (
                Method::PUT,
                "/in/b.csv?x-id=CopyObject",
                &copy,
                Some("ObjectCreated:Copy"),
            ),
            (
                Method::POST,
                "/in/b.csv?uploadId=1",
                &none,
                Some("ObjectCreated:CompleteMultipartUpload"),
            ),
            (Method::PUT, "/in/b.csv?partNumber=1&uploadId=1", &none, None),
            (Method::PUT, "/in/b.csv?partNumber=1&uploadId=1", &copy, None),
            (Method::PUT, "/in/b.csv?tagging", &none, None),
            (Method::POST, "/in/b.csv?uploads", &none, None),
            (Method::PUT, "/in", &none, None),
            (Method::PUT, "/in/", &none, None),
            (Method::GET, "/in/b.csv", &none, None),
        ];
        for (method, uri, headers, expected) in cases {
            let found = creates(&method, &uri.parse().unwrap(), headers);
            assert_eq!(found.as_ref().map(|(event, ..)| *event), expected, "{method} {uri}");
        }
        let (_, bucket, key) = creates(&Method::PUT, &"/in/a%20b/%C3%BC+.csv".parse().unwrap(), &none).unwrap();
        assert_eq!((bucket.as_str(), key.as_str()), ("in", "a b/ü+.csv"));
    }
}
