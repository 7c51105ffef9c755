//! What a deployment promises beyond its functions: who reaches which items, what is kept and for how long, what is told to whom watches, what a stranger may ask.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::template::{functions, http_routes, resources, template};
use super::{read, require_none, root};

/// What an alarm's expression may be made of.
const MAX_ALARM_METRICS: usize = 10;

/// Queues that no alarm on age watches: their messages end with the next minute, or an alarm tells of each that comes.
const UNTIMED_QUEUES: [&str; 3] = ["PublisherWakeQueue", "EventsDeadLetterQueue", "FilesDeadLetterQueue"];

/// Patterns of hash keys that a statement allows.
fn leading_keys(statement: &Value) -> Vec<&str> {
    let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    keys.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What each partition of the registry begins with, by the code that makes keys.
fn partitions() -> BTreeSet<String> {
    let keys = read(&root().join("shared/registry/src/keys.rs"));
    let table = keys.split("```").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("//! "));
    let listed: BTreeSet<String> = rows
        .filter_map(|row| row.split_once('#').map(|(partition, _)| partition.to_owned()))
        .filter(|partition| partition.chars().all(char::is_uppercase))
        .collect();
    for partition in &listed {
        assert!(
            keys.contains(&format!("format!(\"{partition}#")),
            "no key begins with {partition}#"
        );
    }
    listed
}

#[test]
fn functions_reach_only_their_keys_of_the_registry() {
    let template = template();
    let (known, mut used, mut found) = (partitions(), BTreeSet::new(), Vec::new());
    for (name, (_, function)) in functions(&template) {
        let policies = function["Policies"].as_array().into_iter().flatten();
        let statements = policies.filter_map(|policy| policy["Statement"].as_array()).flatten();
        for statement in statements.filter(|statement| statement["Action"].to_string().contains("dynamodb:")) {
            let patterns = leading_keys(statement);
            if patterns.is_empty() {
                found.push(format!("{name}: any key: {statement}"));
            }
            for pattern in patterns {
                let partition = pattern.trim_end_matches("#*").to_owned();
                if !pattern.ends_with("#*") || !known.contains(&partition) {
                    found.push(format!("{name}: no key is like {pattern}"));
                }
                used.insert(partition);
            }
        }
    }
    found.extend(
        known
            .difference(&used)
            .map(|partition| format!("no function reaches {partition}#")),
    );
    require_none(
        "a statement over the registry names the partitions, of shared/registry/src/keys.rs, that the function works with",
        "whoever takes over a function that counts events could otherwise read and make sessions",
        found,
    );
}

#[test]
fn logs_have_an_end() {
    let template = template();
    let mut found: Vec<String> = resources(&template, "AWS::Logs::LogGroup")
        .filter(|(_, group)| group["RetentionInDays"].as_u64().is_none())
        .map(|(id, _)| id)
        .collect();
    let groups: BTreeSet<String> = resources(&template, "AWS::Logs::LogGroup").map(|(id, _)| id).collect();
    let shared = &template["Globals"]["Function"]["LoggingConfig"]["LogGroup"];
    for (name, (_, function)) in functions(&template) {
        let own = &function["LoggingConfig"]["LogGroup"];
        let group = if own.is_null() { shared } else { own };
        if !group["!Ref"].as_str().is_some_and(|group| groups.contains(group)) {
            found.push(format!(
                "{name} logs to a group that Lambda makes, which keeps everything for ever"
            ));
        }
    }
    require_none(
        "every log group has RetentionInDays, and every function logs to one of them",
        "logs hold who called and what failed; nobody needs that for ever, and somebody pays for it",
        found,
    );
}

#[test]
fn what_cannot_be_made_again_stays_and_comes_back() {
    let template = template();
    let mut found = Vec::new();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let comes_back = match resource["Type"].as_str().unwrap() {
            "AWS::DynamoDB::Table" => {
                properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
            }
            "AWS::S3::Bucket" => properties["VersioningConfiguration"]["Status"] == "Enabled",
            _ => continue,
        };
        if !comes_back {
            found.push(format!("{id} can't be brought back as it was"));
        }
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            if resource[policy] != "Retain" {
                found.push(format!("{id} has no {policy}: Retain"));
            }
        }
        let rules = properties["LifecycleConfiguration"]["Rules"].as_array();
        let ends = |rule: &Value| rule["NoncurrentVersionExpiration"]["NoncurrentDays"].as_u64().is_some();
        if resource["Type"] == "AWS::S3::Bucket" && !rules.is_some_and(|rules| rules.iter().any(ends)) {
            found.push(format!("{id} keeps for ever what was deleted"));
        }
    }
    require_none(
        "tables and buckets are retained, with point-in-time recovery and versions, and what was deleted ends in the end",
        "a stack that is deleted by mistake takes with it what nobody has a second time; a client who was removed is gone",
        found,
    );
}

/// What an alarm is on: namespace, metric and what its first dimension refers to.
fn watched(template: &Value) -> BTreeSet<(String, String, String)> {
    let alarms = resources(template, "AWS::CloudWatch::Alarm").filter(|(_, alarm)| !alarm["AlarmActions"].is_null());
    let metric = |metric: &Value| {
        let text = |name: &str| metric[name].as_str().unwrap_or_default().to_owned();
        let of = &metric["Dimensions"][0]["Value"];
        let of = of["!Ref"].as_str().or_else(|| of["!GetAtt"].as_str());
        (text("Namespace"), text("MetricName"), of.unwrap_or_default().to_owned())
    };
    let all = alarms.flat_map(|(_, alarm)| {
        let several = alarm["Metrics"].as_array().into_iter().flatten();
        let several: Vec<_> = several.map(|part| metric(&part["MetricStat"]["Metric"])).collect();
        several.into_iter().chain([metric(&alarm)])
    });
    all.collect()
}

#[test]
fn what_waits_is_refused_or_fails_is_told() {
    let template = template();
    let watched = watched(&template);
    let is_watched = |namespace: &str, metric: &str, of: &str| {
        watched.contains(&(namespace.to_owned(), metric.to_owned(), of.to_owned()))
    };
    let (mut found, integrations) = (Vec::new(), integrations(&template));
    for (name, (id, function)) in functions(&template) {
        let events = function["Events"].as_object().into_iter().flat_map(Map::values);
        for queue in events.filter_map(|event| event["Properties"]["Queue"]["!GetAtt"].as_str()) {
            let queue = queue.trim_end_matches(".Arn");
            let is_told = is_watched(
                "AWS/SQS",
                "ApproximateAgeOfOldestMessage",
                &format!("{queue}.QueueName"),
            );
            if !is_told && !UNTIMED_QUEUES.contains(&queue) {
                found.push(format!("{queue}: no alarm tells that its messages wait"));
            }
        }
        let answers = !http_routes(&function).is_empty() || integrations.contains(&format!("${{{id}.Arn}}"));
        let is_reserved = function["ReservedConcurrentExecutions"].as_u64().is_some();
        if answers && is_reserved && !is_watched("AWS/Lambda", "Throttles", &id) {
            found.push(format!("{name}: no alarm tells that its runs are refused"));
        }
    }
    for (metric, api) in [("5xx", "HttpApi"), ("ExecutionError", "LiveApi")] {
        if !is_watched("AWS/ApiGateway", metric, api) {
            found.push(format!("{api}: no alarm tells of {metric}"));
        }
    }
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let metrics = alarm["Metrics"].as_array().map_or(0, Vec::len);
        if metrics > MAX_ALARM_METRICS {
            found.push(format!(
                "{id} has {metrics} metrics, CloudWatch takes {MAX_ALARM_METRICS}"
            ));
        }
        let metric = alarm["MetricName"].as_str().unwrap_or_default();
        if metric.to_lowercase().contains("4xx") || metric == "ClientError" {
            found.push(format!("{id}: a stranger makes as many of these as he likes"));
        }
    }
    require_none(
        "alarms tell what waits in a queue, which runs are refused and what an API fails in, and none counts what is the caller's fault",
        "whoever is woken by strangers stops looking",
        found,
    );
}

/// The functions that the WebSocket API calls, as one text.
fn integrations(template: &Value) -> String {
    let integrations = resources(template, "AWS::ApiGatewayV2::Integration");
    integrations
        .map(|(_, integration)| integration["IntegrationUri"].to_string())
        .collect()
}

#[test]
fn what_works_without_a_token_is_throttled_apart() {
    let template = template();
    let api = &template["Resources"]["HttpApi"]["Properties"];
    let usual = api["DefaultRouteSettings"]["ThrottlingRateLimit"].as_u64().unwrap();
    let functions = functions(&template);
    let routes = functions.values().flat_map(|(_, function)| http_routes(function));
    let public = routes
        .filter(|(_, _, is_public)| *is_public)
        .map(|(method, path, _)| format!("{method} {path}"));
    let found = public.filter(|route| {
        let rate = api["RouteSettings"][route]["ThrottlingRateLimit"].as_u64();
        rate.is_none_or(|rate| rate >= usual)
    });
    require_none(
        "each route with Authorizer: NONE has RouteSettings of its own, with less than the usual rate",
        "anybody can ask them as often as the gateway lets him",
        found.collect(),
    );
}
