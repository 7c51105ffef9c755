//! The router of a function, made from the values of its routes.

use axum::Router;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use route::{Method, Route};

use crate::Problem;
use crate::extract::{Authorized, caller, check_path, check_query, permitted};

/// The routes of a function, each with the handler that serves it; `S` is what handlers have from the environment.
pub struct Routes<S> {
    router: Router<S>,
    served: Vec<&'static Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            served: Vec::new(),
        }
    }

    /// Serves a route with a handler. Who may not use the route is refused before anything of the request is read: a handler has nothing to
    /// check, and takes the caller as [`Authorized`]. Then the names of the query string are checked, and that identities are spelt as they are written, and then only the handler reads the body. What is read by GET
    /// is also answered to HEAD, without the body.
    ///
    /// # Panics
    /// When its method and path are served already.
    #[must_use]
    pub fn serve<T: 'static>(mut self, route: &'static Route, handler: impl Handler<T, S>) -> Self {
        let served = on(filter(route.method), handler);
        let served = served.route_layer(from_fn(move |request, next| guard(route, request, next)));
        self.router = self.router.route(route.path, served);
        self.served.push(route);
        self
    }

    /// The router, for [`super::serve`].
    pub fn router(self, context: S) -> Router {
        self.router.with_state(context)
    }

    /// What differs between these and the routes that are described as those of a function: for its test that nothing does.
    #[must_use]
    pub fn differences(&self, function: &str, described: &[&Route]) -> Vec<String> {
        let keys = |routes: &[&Route]| -> Vec<String> { routes.iter().map(|route| route.key()).collect() };
        let served = keys(&self.served);
        let own: Vec<&Route> = described
            .iter()
            .copied()
            .filter(|route| route.function == function)
            .collect();
        let own = keys(&own);
        let missing = own.iter().filter(|key| !served.contains(key));
        let strange = served.iter().filter(|key| !own.contains(key));
        missing
            .map(|key| format!("{key} is not served"))
            .chain(strange.map(|key| format!("{key} is served and not described as {function}'s")))
            .collect()
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// Lets a request pass whose caller has the permission, and which asks for nothing that the route does not know, and tells the handler who it is.
async fn guard(route: &'static Route, mut request: Request, next: Next) -> Result<Response, Problem> {
    if let Some(permission) = route.access.permission() {
        let caller = caller(request.extensions())?;
        permitted(&caller, permission)?;
        request.extensions_mut().insert(Authorized(caller));
    }
    check_query(request.uri(), route.parameters)?;
    request.extensions_mut().insert(route);
    let (mut parts, body) = request.into_parts();
    // What can't be decoded is told by whoever reads the path.
    if let Ok(path) = RawPathParams::from_request_parts(&mut parts, &()).await {
        check_path(path.iter(), route.parameters)?;
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

#[cfg(test)]
mod tests;
