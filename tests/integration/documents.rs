//! Documents that people and programs rely on: the template by SAM's own judgement, sample events.

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
use crate::tidy::{read, root, sample_events};

/// Where SAM looks up what a resource may be; any region that has every service used.
const REGION: &str = "us-east-1";

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
fn cfn_lint_finds_nothing_in_the_template() {
    let output = Command::new(tests::required("CFN_LINT"))
        .args(["--regions", REGION, "--"])
        .arg(root().join("template.yaml"))
        .output()
        .expect("CFN_LINT names no program that starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn checkov_finds_nothing_unsafe_but_what_is_explained() {
    let explained = root().join("infra/setup/checkov.yaml");
    let output = Command::new(tests::required("CHECKOV"))
        .arg("--file")
        .arg(root().join("template.yaml"))
        .arg("--config-file")
        .arg(&explained)
        .output()
        .expect("CHECKOV names no program that starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("Failed checks: 0"),
        "checkov: {said}\nmend it, or explain it in {}",
        explained.display()
    );
}

#[test]
fn the_notices_name_what_is_linked() {
    let output = Command::new(root().join("infra/setup/third-party-notices"))
        .arg("--check")
        .output();
    let output = output.expect("infra/setup/third-party-notices does not start");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn sample_events_are_what_their_triggers_send() {
    for (file, path) in sample_events() {
        let event: Value = parse(&file, &read(&path));
        let function = function_of_event(&file);
        match function {
            "authorize-request" if event["version"] == "2.0" => {
                check::<ApiGatewayV2CustomAuthorizerV2Request>(&file, &event)
            }
            "authorize-request" => check::<ApiGatewayCustomAuthorizerRequestTypeRequest>(&file, &event),
            "manage-connections" | "manage-subscriptions" => check::<ApiGatewayWebsocketProxyRequest>(&file, &event),
            "load-files" | "queue-files" => {
                let told = parse::<Value>(&file, queued(&file, &event));
                if told["Event"] != "s3:TestEvent" {
                    check::<S3Event>(&file, &told);
                    let key = told["Records"][0]["s3"]["object"]["key"].as_str().unwrap();
                    assert_eq!(key.split('/').count(), 3, "{file}: {key} is not client/Entity/name");
                }
            }
            "ingest-events" => drop(parse::<api::QueuedEvents>(&file, queued(&file, &event))),
            "send-mails" => drop(parse::<api::users::MailToSend>(&file, queued(&file, &event))),
            "render-proposals" => drop(parse::<api::domain_events::Delivered>(&file, queued(&file, &event))),
            "push-updates" if event["Records"].is_array() => {
                assert!(parse::<Value>(&file, queued(&file, &event))["shard"].is_u64(), "{file}")
            }
            "push-updates" => assert!(event["shard"].is_u64(), "{file}"),
            "place-client" => check::<place_client::Request>(&file, &event),
            "remove-client" => check::<remove_client::Request>(&file, &event),
            "provision-client" | "migrate-database" | "compact-rollups" | "fill-groupings" | "count-facts"
            | "notify-renewals" | "publish-events" => {
                assert!(event.is_object(), "{file}")
            }
            _ => check_http(&file, &event),
        }
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
        "POST /v1/sign-in" => drop(parse::<api::identity::SignIn>(file, body)),
        "POST /v1/refresh-token" => drop(parse::<api::identity::RefreshToken>(file, body)),
        "PUT /v1/me/password" => drop(parse::<api::users::PasswordChange>(file, body)),
        "POST /v1/users" => drop(parse::<api::users::NewUser>(file, body)),
        "PUT /v1/users/{id}/role" => drop(parse::<api::users::RoleChange>(file, body)),
        "POST /v1/password-resets" => drop(parse::<api::users::ResetRequest>(file, body)),
        "PUT /v1/password-resets" => drop(parse::<api::users::PasswordReset>(file, body)),
        "POST /v1/entities" | "PUT /v1/entities/{code}" => {
            let problems = parse::<EntityDefinition>(file, body).validate().err();
            assert_eq!(problems, None, "events/{file}");
        }
        "POST /v1/kpis" | "PUT /v1/kpis/{code}" => drop(parse::<KpiDefinition>(file, body)),
        "POST /v1/entities/{code}/rename" => drop(parse::<catalog::EntityRename>(file, body)),
        "POST /v1/kpis/{code}/rename" => drop(parse::<catalog::KpiRename>(file, body)),
        "POST /v1/streams/start" | "POST /v1/streams/stop" | "POST /v1/streams/clear" => {
            drop(parse::<api::live::StreamRequest>(file, body));
        }
        "POST /v1/proposals" => drop(parse::<api_proposals::NewProposal>(file, body)),
        "POST /v1/analysis/required-objects" => drop(parse::<api_proposals::KpiCodes>(file, body)),
        "PUT /v1/proposals/{id}/terms" => {
            let terms = parse::<proposal::Terms>(file, body);
            assert_eq!(terms.clone().checked("USD"), Ok(terms), "events/{file}");
        }
        "POST /v1/proposals/{id}/issue" => drop(parse::<api_proposals::IssueRequest>(file, body)),
        "POST /v1/proposals/{id}/revisions" => drop(parse::<api_proposals::RevisionRequest>(file, body)),
        "POST /v1/proposals/{id}/accept" => drop(parse::<api_proposals::Acceptance>(file, body)),
        "POST /v1/proposals/{id}/decline" => drop(parse::<api_proposals::Refusal>(file, body)),
        "POST /v1/proposals/{id}/schedule" => drop(parse::<api_proposals::ScheduleRequest>(file, body)),
        "PUT /v1/proposals/{id}/schedule" => drop(parse::<schedule::Team>(file, body)),
        "POST /v1/proposals/{id}/documents" => drop(parse::<api_proposals::DocumentsRequest>(file, body)),
        "PUT /v1/branding" => drop(parse::<api_proposals::Branding>(file, body)),
        "PUT /v1/proposals/{id}/answers/{step}" => drop(parse::<api_proposals::StepAnswers>(file, body)),
        "POST /v1/licences" => drop(parse::<api::licences::NewLicence>(file, body)),
        "POST /v1/licences/verify" => drop(parse::<api::licences::LicenceKey>(file, body)),
        "POST /v1/licences/{id}/revoke" => drop(parse::<api::licences::Revocation>(file, body)),
        "POST /v1/licences/keys/{kid}/withdraw" => drop(parse::<api::licences::KeyWithdrawal>(file, body)),
        "POST /v1/relationships" | "PUT /v1/relationships/{code}" => drop(parse::<catalog::Relationship>(file, body)),
        "POST /v1/actors" | "PUT /v1/actors/{code}" => drop(parse::<catalog::Actor>(file, body)),
        "POST /v1/value-chain-patterns" | "PUT /v1/value-chain-patterns/{code}" => {
            drop(parse::<catalog::ValueChainPattern>(file, body));
        }
        "POST /v1/calculate" => drop(parse::<api::ask::Calculation>(file, body)),
        "POST /v1/groupings/advice" => drop(parse::<api::catalog::advice::GroupingsAsked>(file, body)),
        "POST /v1/formulas/check" => drop(parse::<api::catalog::formulas::FormulaText>(file, body)),
        "POST /v1/formulas/complete" => drop(parse::<api::catalog::formulas::FormulaPlace>(file, body)),
        "POST /v1/dead-letters/replay" => drop(parse::<api::ingest::ReplayMany>(file, body)),
        "POST /v1/events/{entity}" => assert!(!parse::<Vec<Value>>(file, body).is_empty(), "events/{file}"),
        other => panic!("events/{file} has a body, and {other} is not known here"),
    }
}
