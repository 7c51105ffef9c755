//! A route of the HTTP API as one value.
//!
//! From the value come the router of the function that serves it, the check of who may use it, and its description in OpenAPI. Tests hold
//! `template.yaml`, the sample events and the table of who may do what against it.

mod body;
pub mod list;
mod parameter;

pub use body::{Answer, Body};
pub use parameter::{Form, Parameter, Place};

use identity::{Feature, Permission};

/// A route: what is asked for, by whom, how, and what is answered.
///
/// Every field is always written out: a route that forgot its `access` would be open to all.
#[derive(Debug)]
pub struct Route {
    /// Name of the function that serves it.
    pub function: &'static str,
    /// Method.
    pub method: Method,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Name of the operation, which no other route has: generated clients call their function so.
    pub operation: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What it takes beside a body.
    pub parameters: &'static [Parameter],
    /// The body that it takes.
    pub request: Option<Body>,
    /// What it answers when all is well; whatever else it answers is a problem.
    pub answer: Answer,
}

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or has something done.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Whose role has the permission, if the client is licensed for the feature that the permission belongs to.
    Needs(Permission),
}

impl Route {
    /// Method and path, such as `GET /v1/kpis/{code}`: API Gateway's key of the route.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method.name(), self.path)
    }
}

impl Method {
    /// Its name in HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Access {
    /// The permission that a caller needs; `None` where all may.
    #[must_use]
    pub const fn permission(self) -> Option<Permission> {
        match self {
            Self::Open => None,
            Self::Needs(permission) => Some(permission),
        }
    }

    /// The feature that the caller's client must be licensed for; `None` where it needs none.
    #[must_use]
    pub const fn feature(self) -> Option<Feature> {
        match self {
            Self::Open => None,
            Self::Needs(permission) => permission.feature(),
        }
    }
}

/// What is wrong with the descriptions of routes: an operation or a method and path that two have, and path parameters that are not
/// those of the path.
#[must_use]
pub fn mistakes(routes: &[&Route]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let before = &routes[..index];
        if before.iter().any(|other| other.operation == route.operation) {
            found.push(format!("{} is the name of two operations", route.operation));
        }
        if before.iter().any(|other| other.key() == route.key()) {
            found.push(format!("{} is described twice", route.key()));
        }
        let described = route
            .parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path);
        let described: Vec<&str> = described.map(|parameter| parameter.name).collect();
        let named = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        if described != named.collect::<Vec<_>>() {
            found.push(format!("{} describes the path parameters {described:?}", route.key()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn reading(path: &'static str, parameters: &'static [Parameter]) -> Route {
        Route {
            function: "read-things",
            method: Method::Get,
            path,
            access: Access::Needs(Permission::ReadSeries),
            operation: path,
            summary: "A thing.",
            parameters,
            request: None,
            answer: Answer::UNTYPED,
        }
    }

    #[test]
    fn a_route_needs_the_feature_of_its_permission() {
        let route = reading("/v1/things", &[]);
        assert_eq!(route.key(), "GET /v1/things");
        assert_eq!(route.access.permission(), Some(Permission::ReadSeries));
        assert_eq!(route.access.feature(), Some(Feature::Series));
        assert_eq!((Access::Open.permission(), Access::Open.feature()), (None, None));
    }

    #[test]
    fn mistakes_are_named() {
        let code = const { &[Parameter::path("code", "Its code.")] };
        let fine = [&reading("/v1/things", &[]), &reading("/v1/things/{code}", code)];
        assert_eq!(mistakes(&fine), [""; 0]);
        let twice = mistakes(&[fine[0], fine[0]]);
        assert_eq!(
            twice,
            [
                "/v1/things is the name of two operations",
                "GET /v1/things is described twice"
            ]
        );
        for wrong in [
            reading("/v1/things", code),
            reading("/v1/things/{id}", code),
            reading("/v1/things/{id}", &[]),
        ] {
            assert_eq!(mistakes(&[&wrong]).len(), 1, "{}", wrong.path);
        }
    }
}
