//! `template.yaml` is the map of the running system: functions, sample events, alarms and permissions agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{function_folders, read, require_none, root, rust_files, sample_events, shown};

/// The template; `!Ref X` is `{"!Ref": "X"}`.
pub(crate) fn template() -> Value {
    plain(yaml_serde::from_str(&read(&root().join("template.yaml"))).unwrap())
}

fn plain(value: yaml_serde::Value) -> Value {
    match value {
        yaml_serde::Value::Tagged(tagged) => json!({ tagged.tag.to_string(): plain(tagged.value) }),
        yaml_serde::Value::Sequence(list) => list.into_iter().map(plain).collect(),
        yaml_serde::Value::Mapping(map) => {
            let entry = |(key, value): (yaml_serde::Value, _)| (key.as_str().unwrap().to_owned(), plain(value));
            Value::Object(map.into_iter().map(entry).collect::<Map<_, _>>())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

/// Functions by name, each with its logical id and properties.
pub(crate) fn functions(template: &Value) -> BTreeMap<String, (String, Value)> {
    let functions = resources(template, "AWS::Serverless::Function");
    let named = functions.map(|(id, properties)| {
        let folder = properties["CodeUri"].as_str().unwrap_or_default().trim_end_matches('/');
        (
            folder.rsplit('/').next().unwrap_or_default().to_owned(),
            (id, properties),
        )
    });
    named.collect()
}

/// Name of the function that a sample event is for: `read-series.value.json` is for `read-series`.
pub(crate) fn function_of_event(file: &str) -> &str {
    file.split('.').next().unwrap_or_default()
}

pub(crate) fn resources<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (String, Value)> + 'a {
    let all = template["Resources"].as_object().unwrap().iter();
    all.filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.clone(), resource["Properties"].clone()))
}

/// Routes of a function: method, path, whether they work without a token.
pub(crate) fn http_routes(properties: &Value) -> Vec<(String, String, bool)> {
    let events = properties["Events"].as_object().into_iter().flat_map(Map::values);
    let routes = events
        .filter(|event| event["Type"] == "HttpApi")
        .map(|event| &event["Properties"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    routes
        .map(|route| {
            (
                text(&route["Method"]),
                text(&route["Path"]),
                route["Auth"]["Authorizer"] == "NONE",
            )
        })
        .collect()
}

#[test]
fn functions_are_in_the_template() {
    let template = template();
    let known: BTreeSet<String> = functions(&template).into_keys().collect();
    let folders: BTreeSet<String> = function_folders().into_keys().collect();
    require_none(
        "each folder functions/AREA/NAME is a function of template.yaml by its CodeUri, and each of those is a folder",
        "what is not in the template does not run, here or on AWS",
        known.symmetric_difference(&folders).cloned().collect(),
    );
    let elsewhere = functions(&template)
        .into_iter()
        .filter(|(name, (_, function))| function["CodeUri"] != format!("target/lambda/{name}/"));
    require_none(
        "CodeUri is target/lambda/NAME/",
        "that is where `cargo lambda build` puts what it builds",
        elsewhere.map(|(name, _)| name).collect(),
    );
}

#[test]
fn functions_have_sample_events() {
    let (functions, events) = (function_folders(), sample_events());
    let mut found: Vec<String> = Vec::new();
    let without = functions
        .iter()
        .filter(|(name, _)| !events.keys().any(|event| function_of_event(event) == *name));
    found.extend(without.map(|(_, folder)| format!("{folder} has none")));
    for (event, path) in &events {
        let function = functions.get(function_of_event(event));
        let area = function.map(|folder| folder.replacen("functions", "events", 1));
        let area = area.and_then(|folder| Some(folder.rsplit_once('/')?.0.to_owned()));
        let in_its_area = area.is_some_and(|area| shown(path) == format!("{area}/{event}"));
        if !event.ends_with(".json") || !in_its_area {
            found.push(format!("{} is of no function of its area", shown(path)));
        }
    }
    require_none(
        "each function functions/AREA/NAME has a sample event, events/AREA/NAME.json or events/AREA/NAME.CASE.json, and each event a function",
        "`make invoke` sends them, and they say what a function is given",
        found,
    );
}

#[test]
fn functions_have_alarms() {
    let template = template();
    let watched: BTreeSet<String> = resources(&template, "AWS::CloudWatch::Alarm")
        .filter(|(_, alarm)| alarm["MetricName"] == "Errors" && !alarm["AlarmActions"].is_null())
        .filter_map(|(_, alarm)| {
            alarm
                .pointer("/Dimensions/0/Value/!Ref")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect();
    let unwatched = functions(&template)
        .into_iter()
        .filter(|(_, (id, function))| !watched.contains(id) && !is_watched_by_its_log(&template, function));
    require_none(
        "each function has an alarm on its errors",
        "a worker that fails has no caller who would notice",
        unwatched.map(|(name, _)| name).collect(),
    );
}

/// Whether an alarm is on a metric that is made of the function's own log group.
fn is_watched_by_its_log(template: &Value, function: &Value) -> bool {
    let group = &function["LoggingConfig"]["LogGroup"];
    resources(template, "AWS::Logs::MetricFilter")
        .filter(|(_, filter)| !group.is_null() && filter["LogGroupName"] == *group)
        .any(|(_, filter)| {
            let metric = &filter["MetricTransformations"][0];
            resources(template, "AWS::CloudWatch::Alarm").any(|(_, alarm)| {
                alarm["MetricName"] == metric["MetricName"]
                    && alarm["Namespace"] == metric["MetricNamespace"]
                    && !alarm["AlarmActions"].is_null()
            })
        })
}

#[test]
fn functions_are_given_the_variables_they_ask_for() {
    let template = template();
    let given = |properties: &Value| -> BTreeSet<String> {
        let variables = properties["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(Map::keys).cloned().collect()
    };
    let shared = given(&template["Globals"]["Function"]);
    let logs = asked(&[root().join("shared/platform/src/logs.rs")]);
    let mut found: Vec<String> = shared
        .symmetric_difference(&logs)
        .map(|variable| format!("Globals: {variable}"))
        .collect();
    let folders = function_folders();
    for (name, (_, function)) in functions(&template) {
        let sources = folders.get(&name).map(|folder| rust_files(&[&format!("{folder}/src")]));
        let asked = asked(&sources.unwrap_or_default());
        found.extend(
            asked
                .symmetric_difference(&given(&function))
                .map(|variable| format!("{name}: {variable}")),
        );
    }
    require_none(
        "a function is given exactly the variables that its sources and the helpers they call ask for, and Globals what all do",
        "one that is missing ends every cold start; one that is never read is a secret or a setting too many",
        found,
    );
}

/// Helpers that ask for variables themselves, by the words that call them.
const ASKING: [(&str, &str); 3] = [
    ("Bus::from_environment", "shared/platform/src/bus.rs"),
    ("database::from_environment", "shared/platform/src/database.rs"),
    ("Publishers::from_environment", "shared/platform/src/publishers.rs"),
];

/// Names of the variables that sources ask for.
fn asked(sources: &[PathBuf]) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for source in sources {
        let text: String = read(source).split_whitespace().collect();
        for call in [
            "environment::required(\"",
            "environment::optional(\"",
            "Queue::from_environment(\"",
            "Bucket::from_environment(\"",
        ] {
            let calls = text.split(call).skip(1);
            asked.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
        for (call, helper) in ASKING {
            if text.contains(call) {
                asked.extend(self::asked(&[root().join(helper)]));
            }
        }
    }
    asked
}

#[test]
fn queues_of_functions_lose_nothing_unseen() {
    let template = template();
    let mut found = Vec::new();
    let queues: BTreeMap<String, Value> = resources(&template, "AWS::SQS::Queue").collect();
    let default_timeout = template["Globals"]["Function"]["Timeout"].as_u64().unwrap();
    for (name, (_, function)) in functions(&template) {
        let timeout = function["Timeout"].as_u64().unwrap_or(default_timeout);
        let events = function["Events"].as_object().into_iter().flat_map(Map::values);
        for source in events
            .filter(|event| event["Type"] == "SQS")
            .map(|event| &event["Properties"])
        {
            let queue = source["Queue"]["!GetAtt"].as_str().unwrap().trim_end_matches(".Arn");
            if queues[queue]["VisibilityTimeout"].as_u64() < Some(6 * timeout) {
                found.push(format!(
                    "{queue} hides messages for less than six times the timeout of {name}"
                ));
            }
            if source["ScalingConfig"]["MaximumConcurrency"].is_null() {
                found.push(format!("{queue} invokes {name} without a limit"));
            }
        }
    }
    let watched: BTreeSet<String> = resources(&template, "AWS::CloudWatch::Alarm")
        .filter(|(_, alarm)| {
            // A queue that is a function's source shows none for long.
            let metrics = ["ApproximateNumberOfMessagesVisible", "NumberOfMessagesReceived"];
            metrics.iter().any(|metric| alarm["MetricName"] == *metric) && !alarm["AlarmActions"].is_null()
        })
        .filter_map(|(_, alarm)| {
            alarm
                .pointer("/Dimensions/0/Value/!GetAtt")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect();
    for (name, queue) in &queues {
        let dead = queue
            .pointer("/RedrivePolicy/deadLetterTargetArn/!GetAtt")
            .and_then(Value::as_str);
        let Some(dead) = dead.map(|dead| dead.trim_end_matches(".Arn")) else {
            continue;
        };
        if !watched.contains(&format!("{dead}.QueueName")) {
            found.push(format!("{dead}, where messages of {name} end, has no alarm"));
        }
    }
    require_none(
        "a queue hides what a function has for six times its timeout, limits it, and an alarm watches where messages end",
        "a message that comes back too early is worked on twice, and one that nobody looks at is lost",
        found,
    );
}

#[test]
fn permissions_are_least() {
    let template = template();
    let mut found = Vec::new();
    let shared = &template["Globals"]["Function"];
    if ["Role", "Policies"].iter().any(|name| !shared[name].is_null()) {
        found.push("Globals gives all functions the same permissions".to_owned());
    }
    for (name, (_, function)) in functions(&template) {
        if !function["Role"].is_null() {
            found.push(format!(
                "{name} takes a role from elsewhere; SAM makes one for each function"
            ));
        }
        for policy in function["Policies"].as_array().into_iter().flatten() {
            let Some(statements) = policy["Statement"].as_array() else {
                found.push(format!("{name}: a policy without statements of its own: {policy}"));
                continue;
            };
            found.extend(
                statements
                    .iter()
                    .filter(|statement| is_wide(statement))
                    .map(|statement| format!("{name}: {statement}")),
            );
        }
    }
    require_none(
        "a function has its own statements, without a wildcard among actions and without the resource *",
        "what a function never does, whoever takes it over can't do either",
        found,
    );
}

#[test]
fn no_function_that_the_public_reaches_has_the_owners_login() {
    let template = template();
    let integrations: String = resources(&template, "AWS::ApiGatewayV2::Integration")
        .map(|(_, integration)| integration["IntegrationUri"].to_string())
        .collect();
    let mut found = Vec::new();
    for (name, (id, function)) in functions(&template) {
        let is_public = !http_routes(&function).is_empty() || integrations.contains(&format!("${{{id}.Arn}}"));
        let login = function["Environment"]["Variables"]["DATABASE_URL"].to_string();
        if is_public && login.contains("owner_url") {
            found.push(format!("{name}: {login}"));
        }
    }
    require_none(
        "a function with a route has the login of a role that may do what its routes need",
        "whoever takes it over could otherwise read and change everything of everybody",
        found,
    );
}

/// Whether a statement allows more than it names.
fn is_wide(statement: &Value) -> bool {
    let any = |value: &Value, test: fn(&str) -> bool| match value {
        Value::String(text) => test(text),
        Value::Array(list) => list.is_empty() || list.iter().any(|item| item.as_str().is_some_and(test)),
        Value::Object(_) => false,
        _ => true,
    };
    any(&statement["Action"], |action| action.contains('*')) || any(&statement["Resource"], |resource| resource == "*")
}

#[test]
fn events_are_hidden_for_longer_than_their_function_may_take_and_less_than_a_minute() {
    let template = template();
    let timeout = functions(&template)["ingest-events"].1["Timeout"].as_u64().unwrap();
    let queue = template["Resources"]["EventsQueue"]["Properties"]["VisibilityTimeout"]
        .as_u64()
        .unwrap();
    let hidden = ingest_events::HIDDEN.as_secs();
    assert!(timeout < hidden && hidden < 60, "{timeout} s and {hidden} s");
    assert!(queue >= 6 * timeout, "what Lambda recommends for a source queue");
}

/// Connections of one run of a function, where it is not one. A publisher listens, and reads some clients apart; who is invoked by hand may hold a lock over
/// one connection and work over another.
const CONNECTIONS: [(&str, u64); 5] = [
    ("migrate-database", 2),
    ("place-client", 2),
    ("provision-client", 2),
    ("push-updates", 3),
    ("remove-client", 2),
];

/// Connections that a server keeps for its administrator.
const KEPT_FOR_ADMINISTRATORS: u64 = 3;

/// How many runs of a function there are at most: what is reserved, or what its queues invoke at once; one of what nothing invokes by itself.
fn most_runs(function: &Value) -> Option<u64> {
    if let Some(reserved) = function["ReservedConcurrentExecutions"].as_u64() {
        return Some(reserved);
    }
    let Some(events) = function["Events"].as_object() else {
        return Some(1);
    };
    let of_queue = |event: &Value| event["Properties"]["ScalingConfig"]["MaximumConcurrency"].as_u64();
    events.values().map(of_queue).sum()
}

#[test]
fn the_database_takes_the_connections_of_all_functions() {
    let template = template();
    let with_database = functions(&template).into_iter().filter(|(_, (_, function))| {
        let variables = function["Environment"]["Variables"].as_object();
        variables.is_some_and(|variables| variables.contains_key("DATABASE_URL"))
    });
    let (mut needed, mut unbounded) = (0, Vec::new());
    for (name, (_, function)) in with_database {
        let Some(runs) = most_runs(&function) else {
            unbounded.push(name);
            continue;
        };
        let own = CONNECTIONS.iter().find(|(known, _)| *known == name);
        needed += runs * own.map_or(1, |(_, connections)| *connections);
    }
    require_none(
        "a function with a database has ReservedConcurrentExecutions, or is invoked by queues with a MaximumConcurrency alone",
        "Lambda starts a thousand at once, and a database with too few connections refuses everybody",
        unbounded,
    );
    let server = read(&root().join("infra/database/start-postgres"));
    let allowed = server
        .lines()
        .find_map(|line| line.trim().strip_prefix("echo max_connections="));
    let allowed: u64 = allowed.unwrap().parse().unwrap();
    assert!(
        needed + KEPT_FOR_ADMINISTRATORS <= allowed,
        "functions have {needed} connections at once, more than the {allowed} of infra/database/start-postgres: reserve less, or have the server take more"
    );
    let told = read(&root().join("docs/deploying.md"));
    for figure in [format!("{needed} connections"), format!("max_connections = {allowed}")] {
        assert!(told.contains(&figure), "docs/deploying.md does not say `{figure}`");
    }
}
