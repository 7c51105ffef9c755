//! Documents that people and programs rely on: the API's descriptions, the template by SAM's own judgement, sample events.

use std::path::PathBuf;
use std::process::Command;

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2httpRequest,
    ApiGatewayWebsocketProxyRequest,
};
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::SqsEvent;
use catalog::{EntityDefinition, KpiDefinition};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tidy::template::{function_of_event, functions, http_routes, template};
use crate::tidy::{events, read, require_none, root};

/// Set to rewrite the checked-in documents instead of comparing them.
const UPDATE: &str = "UPDATE_DOCUMENTS";

/// Where SAM looks up what a resource may be; any region that has every service used.
const REGION: &str = "us-east-1";

#[test]
fn openapi_is_up_to_date() {
    check_document("openapi.json", &serde_json::to_value(api::openapi::document()).unwrap());
}

#[test]
fn asyncapi_is_up_to_date() {
    check_document("asyncapi.json", &api::asyncapi::document());
}

#[test]
fn references_in_the_documents_resolve() {
    let documents = [
        serde_json::to_value(api::openapi::document()).unwrap(),
        api::asyncapi::document(),
    ];
    for document in &documents {
        let mut broken = Vec::new();
        let mut count = 0;
        visit(document, &mut |reference| {
            count += 1;
            if reference
                .strip_prefix('#')
                .and_then(|pointer| document.pointer(pointer))
                .is_none()
            {
                broken.push(reference.to_owned());
            }
        });
        assert!(
            count > 10,
            "{} has {count} references: are they written otherwise now?",
            document["info"]["title"]
        );
        require_none(
            "every $ref of the API's descriptions resolves",
            "a generator of clients stops at the first that does not",
            broken,
        );
    }
}

#[test]
fn sam_accepts_the_template() {
    let template = root().join("template.yaml");
    let output = Command::new(tests::required("SAM"))
        .args(["validate", "--lint", "--region", REGION, "--template"])
        .arg(&template)
        .env("SAM_CLI_TELEMETRY", "0")
        .output()
        .expect("SAM names no program that starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("is a valid SAM Template"),
        "sam validate --lint: {said}"
    );
}

#[test]
fn sample_events_are_what_their_triggers_send() {
    for (file, area) in events() {
        let event: Value = parse(&file, &read(&root().join("events").join(area).join(&file)));
        let function = function_of_event(&file);
        match function {
            "authorize-request" if event["version"] == "2.0" => {
                check::<ApiGatewayV2CustomAuthorizerV2Request>(&file, &event)
            }
            "authorize-request" => check::<ApiGatewayCustomAuthorizerRequestTypeRequest>(&file, &event),
            "manage-connections" | "manage-subscriptions" => check::<ApiGatewayWebsocketProxyRequest>(&file, &event),
            "load-files" => {
                let told = parse::<Value>(&file, queued(&file, &event));
                if told["Event"] != "s3:TestEvent" {
                    check::<S3Event>(&file, &told);
                    let key = told["Records"][0]["s3"]["object"]["key"].as_str().unwrap();
                    assert_eq!(key.split('/').count(), 3, "{file}: {key} is not client/Entity/name");
                }
            }
            "ingest-events" => drop(parse::<api::QueuedEvents>(&file, queued(&file, &event))),
            "render-proposals" => drop(parse::<api::domain_events::Delivered>(&file, queued(&file, &event))),
            "push-updates" if event["Records"].is_array() => {
                assert!(parse::<Value>(&file, queued(&file, &event))["shard"].is_u64(), "{file}")
            }
            "push-updates" => assert!(event["shard"].is_u64(), "{file}"),
            "provision-client" | "migrate-database" | "compact-rollups" | "notify-renewals" | "publish-events" => {
                assert!(event.is_object(), "{file}")
            }
            _ => check_http(&file, &event),
        }
    }
}

#[test]
fn every_route_has_a_sample_event() {
    let routes: Vec<String> = events()
        .into_iter()
        .filter_map(|(file, area)| {
            parse::<Value>(&file, &read(&root().join("events").join(area).join(&file)))["routeKey"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    let template = template();
    let all = functions(&template).into_iter().flat_map(|(name, (_, function))| {
        http_routes(&function)
            .into_iter()
            .map(move |(method, path, _)| (name.clone(), format!("{method} {path}")))
    });
    let without = all
        .filter(|(_, route)| !routes.contains(route))
        .map(|(name, route)| format!("{route} of {name}"));
    require_none(
        "every route has a sample event",
        "a route can then be tried alone with `make invoke`",
        without.collect(),
    );
}

/// Compares a document with the one that is checked in, or writes it.
fn check_document(name: &str, document: &Value) {
    let path: PathBuf = root().join("shared/api").join(name);
    let text = serde_json::to_string_pretty(document).unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = stored
        .lines()
        .zip(text.lines())
        .position(|(old, new)| old != new)
        .unwrap_or(stored.lines().count().min(text.lines().count()));
    assert!(
        stored == text,
        "shared/api/{name} is stale from line {}: run `{UPDATE}=1 make test` and look at what changed, because clients will",
        difference + 1,
    );
}

/// Calls back with every `$ref`.
fn visit(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(reference) if name == "$ref" => found(reference),
                    other => visit(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| visit(value, found)),
        _ => {}
    }
}

#[track_caller]
fn parse<T: DeserializeOwned>(file: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("events/{file}: {error}"))
}

/// Parses an event as the type that its function takes.
#[track_caller]
fn check<T: DeserializeOwned>(file: &str, event: &Value) {
    drop(parse::<T>(file, &event.to_string()));
}

/// The body of the one message of an SQS event.
fn queued<'a>(file: &str, event: &'a Value) -> &'a str {
    check::<SqsEvent>(file, event);
    event
        .pointer("/Records/0/body")
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("events/{file} has no message"))
}

/// A request is of a route that the function serves, and its parts agree with each other.
fn check_http(file: &str, event: &Value) {
    check::<ApiGatewayV2httpRequest>(file, event);
    let template = template();
    let (_, function) = &functions(&template)[function_of_event(file)];
    let key = event["routeKey"].as_str().unwrap();
    let (method, pattern) = key.split_once(' ').unwrap();
    let route = http_routes(function)
        .into_iter()
        .find(|route| (route.0.as_str(), route.1.as_str()) == (method, pattern));
    let (.., open) = route.unwrap_or_else(|| panic!("events/{file}: the function does not serve {key}"));
    let parameters = event["pathParameters"].as_object().into_iter().flatten();
    let path = parameters.fold(pattern.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value.as_str().unwrap())
    });
    assert_eq!(event["rawPath"], path, "events/{file}");
    let caller = event.pointer("/requestContext/authorizer/lambda");
    let complete =
        caller.is_some_and(|caller| ["client", "user", "role"].iter().all(|field| caller[field].is_string()));
    assert_eq!(complete, !open, "events/{file}: a route has a caller unless it is open");
    let Some(body) = event["body"].as_str() else { return };
    assert_eq!(
        event["headers"]["content-length"],
        body.len().to_string(),
        "events/{file}"
    );
    check_body(file, key, body);
}

/// A body is what the route takes.
fn check_body(file: &str, key: &str, body: &str) {
    match key {
        "POST /v1/sign-in" => drop(parse::<api::rest::SignIn>(file, body)),
        "POST /v1/refresh-token" => drop(parse::<api::rest::Refresh>(file, body)),
        "POST /v1/entities" | "PUT /v1/entities/{code}" => {
            let problems = parse::<EntityDefinition>(file, body).validate().err();
            assert_eq!(problems, None, "events/{file}");
        }
        "POST /v1/kpis" | "PUT /v1/kpis/{code}" => drop(parse::<KpiDefinition>(file, body)),
        "POST /v1/streams/start" | "POST /v1/streams/stop" | "POST /v1/streams/clear" => {
            drop(parse::<api::rest::StreamRequest>(file, body));
        }
        "POST /v1/proposals" => drop(parse::<api::proposals::NewProposal>(file, body)),
        "POST /v1/analysis/required-objects" => drop(parse::<api::proposals::KpiCodes>(file, body)),
        "PUT /v1/proposals/{id}/terms" => {
            let terms = parse::<proposal::Terms>(file, body);
            assert_eq!(terms.clone().checked("USD"), Ok(terms), "events/{file}");
        }
        "POST /v1/proposals/{id}/issue" => drop(parse::<api::proposals::Issue>(file, body)),
        "POST /v1/proposals/{id}/revisions" => drop(parse::<api::proposals::Next>(file, body)),
        "POST /v1/proposals/{id}/accept" => drop(parse::<api::proposals::Acceptance>(file, body)),
        "POST /v1/proposals/{id}/decline" => drop(parse::<api::proposals::Refusal>(file, body)),
        "POST /v1/proposals/{id}/schedule" => drop(parse::<api::proposals::ScheduleRequest>(file, body)),
        "PUT /v1/proposals/{id}/schedule" => drop(parse::<proposal::schedule::Team>(file, body)),
        "POST /v1/proposals/{id}/documents" => drop(parse::<api::proposals::DocumentsRequest>(file, body)),
        "PUT /v1/branding" => drop(parse::<api::proposals::Branding>(file, body)),
        "PUT /v1/proposals/{id}/answers/{step}" => drop(parse::<api::proposals::StepAnswers>(file, body)),
        "POST /v1/licences" => drop(parse::<api::licences::NewLicence>(file, body)),
        "POST /v1/licences/verify" => drop(parse::<api::licences::LicenceKey>(file, body)),
        "POST /v1/licences/{id}/revoke" => drop(parse::<api::licences::Revocation>(file, body)),
        "POST /v1/licences/keys/{kid}/withdraw" => drop(parse::<api::licences::KeyWithdrawal>(file, body)),
        "POST /v1/events/{entity}" => assert!(!parse::<Vec<Value>>(file, body).is_empty(), "events/{file}"),
        other => panic!("events/{file} has a body, and {other} is not known here"),
    }
}
