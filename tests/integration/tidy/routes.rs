//! The routes of the HTTP API: what `shared/` says of them, `template.yaml`, sample events and functions agree.

use std::collections::BTreeSet;
use std::path::PathBuf;

use route::{Access, Route};
use serde_json::Value;

use super::template::{function_of_event, functions, http_routes, template};
use super::{function_folders, read, require_none, rust_files, sample_events};

/// Every route, by the function that serves it: method, path, and whether it works without a token.
fn described() -> BTreeSet<(&'static str, String, bool)> {
    let routes = describe_api::described().into_iter();
    routes
        .map(|route: &Route| (route.function, route.key(), route.access == Access::Open))
        .collect()
}

#[test]
fn described_routes_are_the_templates() {
    let template = template();
    let functions = functions(&template);
    let deployed = functions.iter().flat_map(|(name, (_, function))| {
        let routes = http_routes(function).into_iter();
        routes.map(|(method, path, open)| (name.as_str(), format!("{method} {path}"), open))
    });
    let deployed: BTreeSet<(&str, String, bool)> = deployed.collect();
    // API Gateway takes HEAD for another method than GET: what can be read has a route for each.
    let heads = described().into_iter().filter_map(|(function, key, open)| {
        let path = key.strip_prefix("GET ")?;
        Some((function, format!("HEAD {path}"), open))
    });
    let routed: BTreeSet<(&str, String, bool)> = described().into_iter().chain(heads).collect();
    require_none(
        "the routes of shared/ are the HttpApi routes of template.yaml, those of GET also for HEAD: of the same function, and open where those ask for no token",
        "routers, permissions and OpenAPI come from the one, and the API itself from the other",
        deployed
            .symmetric_difference(&routed)
            .map(|(function, key, open)| format!("{key} of {function} (open: {open})"))
            .collect(),
    );
}

#[test]
fn every_route_has_a_sample_event() {
    let sampled: BTreeSet<(String, String)> = sample_events()
        .into_iter()
        .filter_map(|(file, path)| {
            let event: Value = serde_json::from_str(&read(&path)).unwrap();
            Some((
                function_of_event(&file).to_owned(),
                event["routeKey"].as_str()?.to_owned(),
            ))
        })
        .collect();
    let without = described()
        .into_iter()
        .filter(|(function, key, _)| !sampled.contains(&((*function).to_owned(), key.clone())));
    require_none(
        "every route has a sample event of the function that serves it",
        "a route can then be tried alone with `make invoke`",
        without
            .map(|(function, key, _)| format!("{key} of {function}"))
            .collect(),
    );
}

#[test]
fn functions_test_that_they_serve_their_routes() {
    let folders = function_folders();
    let names: BTreeSet<&str> = described().into_iter().map(|(function, ..)| function).collect();
    let without = names.into_iter().filter(|name| {
        let sources = rust_files(&[&format!("{}/src", folders[*name])]);
        let compares = |source: &PathBuf| read(source).contains("routes().differences(env!(\"CARGO_PKG_NAME\"), ");
        !sources.iter().any(compares)
    });
    require_none(
        "a function with routes has a test of `Routes::differences`",
        "a route that was forgotten answers 404 only when it is deployed",
        without.map(str::to_owned).collect(),
    );
}
