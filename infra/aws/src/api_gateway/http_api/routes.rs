//! Route selection as API Gateway does it: the most specific path that matches, then the exact method before `ANY`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;

use crate::template::HttpRoute;

/// The routes of an API.
pub(super) struct Routes {
    routes: Vec<Compiled>,
}

struct Compiled {
    route: HttpRoute,
    segments: Vec<Segment>,
}

/// In the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    /// `{name}`: exactly one segment.
    Parameter(String),
    /// `{name+}`: everything from here on.
    Greedy(String),
}

/// A selected route with what its parameters matched.
pub(super) struct Match<'a> {
    pub(super) index: usize,
    pub(super) route: &'a HttpRoute,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Match<'_> {
    /// `GET /items/{code}`, or `$default`.
    pub(super) fn key(&self) -> String {
        if self.route.path == "$default" {
            return self.route.path.clone();
        }
        format!("{} {}", self.route.method, self.route.path)
    }
}

impl Routes {
    pub(super) fn new(routes: &[HttpRoute]) -> Self {
        let compile = |route: &HttpRoute| Compiled {
            route: route.clone(),
            segments: segments(&route.path),
        };
        Self {
            routes: routes.iter().map(compile).collect(),
        }
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Match<'_>> {
        let is_exact = |compiled: &Compiled| compiled.route.method == method.as_str();
        let candidates = self.routes.iter().enumerate().filter_map(|(index, compiled)| {
            let parameters = match_path(&compiled.segments, path)?;
            (is_exact(compiled) || compiled.route.method == "ANY").then_some((index, compiled, parameters))
        });
        let best = candidates.min_by_key(|(_, compiled, _)| (shape(&compiled.segments), !is_exact(compiled)));
        best.map(|(index, compiled, parameters)| Match {
            index,
            route: &compiled.route,
            parameters,
        })
    }
}

fn segments(path: &str) -> Vec<Segment> {
    if path == "$default" {
        return vec![Segment::Greedy(String::new())];
    }
    let parse = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => Segment::Literal(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
    };
    path.trim_start_matches('/').split('/').map(parse).collect()
}

/// Orders paths by how specific they are, segment by segment.
fn shape(segments: &[Segment]) -> Vec<u8> {
    let rank = |segment: &Segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Parameter(_) => 1,
        Segment::Greedy(name) if !name.is_empty() => 2,
        Segment::Greedy(_) => 3,
    };
    segments.iter().map(rank).collect()
}

fn match_path(segments: &[Segment], path: &str) -> Option<BTreeMap<String, String>> {
    let given: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut parameters = BTreeMap::new();
    for (position, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Greedy(name) => {
                let rest = given
                    .get(position..)
                    .filter(|rest| name.is_empty() || !rest.is_empty())?;
                if !name.is_empty() {
                    parameters.insert(name.clone(), percent_decode(&rest.join("/")));
                }
                return Some(parameters);
            }
            Segment::Literal(text) => {
                given.get(position).filter(|given| *given == text)?;
            }
            Segment::Parameter(name) => {
                let value = given.get(position).filter(|given| !given.is_empty())?;
                parameters.insert(name.clone(), percent_decode(value));
            }
        }
    }
    (given.len() == segments.len()).then_some(parameters)
}

/// Decodes `%41`; what is not UTF-8 when decoded stays as it is.
fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        let parse = |key: &&str| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            let function = "f".to_owned();
            HttpRoute {
                method: method.to_owned(),
                path: path.to_owned(),
                function,
                authorized: false,
            }
        };
        Routes::new(&keys.iter().map(parse).collect::<Vec<_>>())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "GET /items",
            "GET /items/{code}",
            "GET /items/all",
            "ANY /items/{code}",
            "GET /files/{path+}",
            "POST /items/{code}/series",
            "GET /{one}/{two}/{three}",
        ];
        let cases = [
            ("GET", "/items", Some("GET /items")),
            ("GET", "/items/all", Some("GET /items/all")),
            ("GET", "/items/A-1", Some("GET /items/{code}")),
            ("PUT", "/items/A-1", Some("ANY /items/{code}")),
            ("GET", "/items/A-1/series", Some("GET /{one}/{two}/{three}")),
            ("POST", "/items/A-1/series", Some("POST /items/{code}/series")),
            ("GET", "/files/a/b/c", Some("GET /files/{path+}")),
            ("POST", "/items", None),
            ("GET", "/items/", None),
            ("GET", "/", None),
        ];
        let routes = routes(&keys);
        for (method, path, expected) in cases {
            let found = routes.find(&method.parse().unwrap(), path).map(|found| found.key());
            assert_eq!(found.as_deref(), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_default_route_takes_the_rest() {
        let routes = routes(&["$default", "GET /{proxy+}"]);
        assert_eq!(routes.find(&Method::GET, "/a/b").unwrap().key(), "GET /{proxy+}");
        assert_eq!(routes.find(&Method::PUT, "/a/b").unwrap().key(), "$default");
    }

    #[test]
    fn parameters_are_decoded() {
        let routes = routes(&["GET /{a}/x/{rest+}"]);
        let found = routes.find(&Method::GET, "/%41%20b/x/1/2%2F3").unwrap();
        assert_eq!(found.parameters["a"], "A b");
        assert_eq!(found.parameters["rest"], "1/2/3");
        for (text, expected) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%ff", "%ff"),
            ("a%C3%A9", "aé"),
        ] {
            assert_eq!(percent_decode(text), expected);
        }
    }
}
