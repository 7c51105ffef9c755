//! CloudFront in front of a bucket: pages of its default root object and its error pages, with the headers of its policies. Nothing is cached and nothing is compressed: what
//! is put on the bucket is there at once.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;

use crate::gate::Gate;
use crate::tasks::Tasks;
use crate::template::Distribution;

#[cfg(test)]
mod tests;

struct Edge {
    distribution: Distribution,
    /// The folder of the bucket's objects.
    bucket: PathBuf,
}

/// Serves a distribution. `objects` is the folder of all buckets.
///
/// # Errors
/// When the listener has no address.
pub(crate) fn start(
    tasks: &mut Tasks,
    listener: TcpListener,
    distribution: &Distribution,
    objects: &Path,
) -> std::io::Result<()> {
    let edge = Arc::new(Edge {
        bucket: objects.join(&distribution.bucket),
        distribution: distribution.clone(),
    });
    tasks.serve(listener, Router::new().fallback(handle).with_state(edge), Gate::Public)
}

async fn handle(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let path = request.uri().path();
    let mut response = edge.answer(request.method(), path).await;
    if request.method() == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    for (name, value) in edge.headers(path) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl Edge {
    async fn answer(&self, method: &Method, path: &str) -> Response {
        if method != Method::GET && method != Method::HEAD {
            return refusal(StatusCode::FORBIDDEN);
        }
        if let Some(found) = self.object(path, StatusCode::OK).await {
            return found;
        }
        // Who may not list a bucket is told the same of what is not there as of what it may not read.
        let page = self.distribution.error_pages.get(&StatusCode::FORBIDDEN.as_u16());
        let page = page.and_then(|page| Some((&page.path, StatusCode::from_u16(page.status).ok()?)));
        let found = match page {
            Some((path, status)) => self.object(path, status).await,
            None => None,
        };
        found.unwrap_or_else(|| refusal(StatusCode::FORBIDDEN))
    }

    async fn object(&self, path: &str, status: StatusCode) -> Option<Response> {
        let key = percent_decode_str(path.trim_start_matches('/')).decode_utf8().ok()?;
        let key = if key.is_empty() {
            self.distribution.root_object.as_str()
        } else {
            &key
        };
        let key = Path::new(key);
        // Before anything is opened: what is decoded may be any file of the machine, and some never end.
        if !key.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let bytes = tokio::fs::read(self.bucket.join(key)).await.ok()?;
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static(content_type(key));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Some(response)
    }

    /// Those of the first behaviour whose pattern the path has; the default one comes last and has every path.
    fn headers(&self, path: &str) -> &[(String, String)] {
        let behaviours = &self.distribution.behaviours;
        let found = behaviours.iter().find(|behaviour| path.starts_with(&behaviour.prefix));
        found.map_or(&[], |behaviour| &behaviour.headers)
    }
}

/// As `aws s3 sync` guesses it from a file's name.
fn content_type(key: &Path) -> &'static str {
    match key.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}

fn refusal(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    ));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
