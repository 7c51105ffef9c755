#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use aws_stand_in::template::{Addresses, Function, IdentitySource, Template, TemplateError};

const REAL: &str = include_str!("../../../../template.yaml");

fn addresses() -> Addresses {
    Addresses {
        http: "http://127.0.0.1:3000".into(),
        websocket: "http://127.0.0.1:3001".into(),
        sqs: "http://127.0.0.1:3002".into(),
    }
}

fn parse(text: &str) -> Result<Template, TemplateError> {
    Template::parse(text, &addresses(), &BTreeMap::new(), &|name, key| {
        Some(format!("<{name} {key}>"))
    })
}

fn function<'a>(template: &'a Template, name: &str) -> &'a Function {
    template.function(name).unwrap_or_else(|| panic!("no function {name}"))
}

#[test]
fn the_projects_own_template_is_understood() {
    let template = parse(REAL).unwrap();
    let publisher = function(&template, "push-updates");
    assert_eq!(publisher.environment["LOG_LEVEL"], "info");
    assert_eq!(publisher.environment["REGISTRY_TABLE"], "analytics-engine-registry-dev");
    assert_eq!(
        publisher.environment["CONNECTIONS_ENDPOINT"],
        "http://127.0.0.1:3001/live"
    );
    assert_eq!(
        publisher.environment["DATABASE_URL"],
        "<analytics-engine/dev/database app_url>"
    );
    let accept = function(&template, "accept-events");
    let queue_url = "http://127.0.0.1:3002/000000000000/analytics-engine-events-dev";
    assert_eq!(accept.environment["EVENTS_QUEUE_URL"], queue_url);
    assert_eq!(function(&template, "compact-rollups").reserved_concurrency, Some(1));
}

#[test]
fn the_projects_apis_are_understood() {
    let template = parse(REAL).unwrap();
    let sign_in = template
        .routes
        .iter()
        .find(|route| route.path == "/v1/sign-in")
        .unwrap();
    assert_eq!((sign_in.method.as_str(), sign_in.authorized), ("POST", false));
    let value = template
        .routes
        .iter()
        .find(|route| route.path == "/v1/kpis/{code}/value")
        .unwrap();
    assert_eq!((value.function.as_str(), value.authorized), ("read-series", true));
    let authorizer = template.http_authorizer.as_ref().unwrap();
    assert_eq!(authorizer.function, "authorize-request");
    assert_eq!(authorizer.identity, [IdentitySource::Header("authorization".into())]);
    let websocket = template.websocket_authorizer.as_ref().unwrap();
    assert_eq!(websocket.identity, [IdentitySource::Query("token".into())]);
    assert_eq!(
        (template.websocket_stage.as_str(), template.websocket_selector.as_str()),
        ("live", "action")
    );
    let keys: Vec<_> = template
        .websocket_routes
        .iter()
        .map(|route| (route.key.as_str(), route.responds))
        .collect();
    assert!(keys.contains(&("$connect", false)) && keys.contains(&("subscribe", true)));
    assert!(template.http_throttle.is_some() && template.websocket_throttle.is_some() && template.cors.is_some());
}

#[test]
fn the_projects_queues_tables_buckets_and_schedules_are_understood() {
    let template = parse(REAL).unwrap();
    let events = template
        .queues
        .iter()
        .find(|queue| queue.logical_id == "EventsQueue")
        .unwrap();
    assert_eq!(
        events.redrive.as_ref().map(|(queue, _)| queue.as_str()),
        Some("EventsDeadLetterQueue")
    );
    let source = template
        .queue_sources
        .iter()
        .find(|source| source.queue == "EventsQueue")
        .unwrap();
    assert!(source.function == "ingest-events" && source.report_item_failures);
    let table = &template.tables[0];
    assert_eq!(table.ttl_attribute.as_deref(), Some("expires_at"));
    assert_eq!(table.key_schema.len(), 2);
    let buckets: Vec<&str> = template.buckets.iter().map(|bucket| bucket.name.as_str()).collect();
    let [console, documents, incoming] =
        ["console", "documents", "incoming"].map(|name| format!("analytics-engine-{name}-dev-000000000000"));
    assert_eq!(buckets, [&console, &documents, &incoming]);
    let [notification] = template.bucket_notifications.as_slice() else {
        panic!("{:?}", template.bucket_notifications)
    };
    assert_eq!(
        (notification.event.as_str(), notification.queue.as_str()),
        ("s3:ObjectCreated:*", "DroppedFilesQueue")
    );
    assert_eq!(notification.bucket, incoming);
    let files = template
        .queue_sources
        .iter()
        .find(|source| source.queue == "FilesQueue")
        .unwrap();
    assert_eq!((files.function.as_str(), files.batch_size), ("load-files", 1));
    assert!(files.report_item_failures && files.max_concurrency.is_some());
    let publisher = template
        .schedules
        .iter()
        .find(|schedule| schedule.function == "push-updates")
        .unwrap();
    assert_eq!(
        (publisher.expression.as_str(), publisher.input.as_deref()),
        ("rate(1 minute)", Some(r#"{"shard": 0}"#))
    );
}

#[test]
fn parameters_can_be_overridden() {
    let parameters = BTreeMap::from([("Stage".to_owned(), "staging".to_owned())]);
    let template = Template::parse(REAL, &addresses(), &parameters, &|_, _| Some(String::new())).unwrap();
    assert_eq!(template.tables[0].name, "analytics-engine-registry-staging");
}

#[test]
fn a_missing_secret_names_the_function_and_the_variable() {
    let error = Template::parse(REAL, &addresses(), &BTreeMap::new(), &|_, _| None)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("function "), "{error}");
    assert!(
        error.contains("variable") && error.contains("analytics-engine/dev/"),
        "{error}"
    );
}

#[test]
fn the_console_is_served_with_a_strict_policy() {
    let template = parse(REAL).unwrap();
    let console = template.distribution.unwrap();
    assert_eq!(console.bucket, "analytics-engine-console-dev-000000000000");
    assert_eq!(console.error_pages[&403].path, "/index.html");
    let [assets, pages] = console.behaviours.as_slice() else {
        panic!("{:?}", console.behaviours)
    };
    assert_eq!((assets.prefix.as_str(), pages.prefix.as_str()), ("/assets/", "/"));
    let header = |name: &str| {
        let found = pages.headers.iter().find(|(own, _)| own == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.clone()
    };
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(
        policy.contains("connect-src 'self' http://127.0.0.1:3000 ws://127.0.0.1:3001;"),
        "{policy}"
    );
    assert!(header("strict-transport-security").starts_with("max-age=63072000"));
    assert!(assets.headers.iter().any(|(_, value)| value.contains("immutable")));
    // A name that is not there is answered with the page: it must run nothing, and stand in no frame.
    let is_closed = |(name, value): &(String, String)| {
        name == "content-security-policy" && value == "default-src 'none'; frame-ancestors 'none'"
    };
    assert!(assets.headers.iter().any(is_closed), "{:?}", assets.headers);
}
