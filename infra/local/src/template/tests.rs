#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Addresses, Function, IdentitySource, Template, TemplateError};

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
    let live = template.live_authorizer.as_ref().unwrap();
    assert_eq!(live.identity, [IdentitySource::Query("token".into())]);
    assert_eq!(
        (template.live_stage.as_str(), template.live_selector.as_str()),
        ("live", "action")
    );
    let keys: Vec<_> = template
        .live_routes
        .iter()
        .map(|route| (route.key.as_str(), route.responds))
        .collect();
    assert!(keys.contains(&("$connect", false)) && keys.contains(&("subscribe", true)));
    assert!(template.http_throttle.is_some() && template.live_throttle.is_some() && template.cors.is_some());
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
    assert_eq!(template.buckets[0].name, "analytics-engine-incoming-dev-000000000000");
    let [notification] = template.bucket_notifications.as_slice() else {
        panic!("{:?}", template.bucket_notifications)
    };
    assert_eq!(
        (notification.event.as_str(), notification.queue.as_str()),
        ("s3:ObjectCreated:*", "FilesQueue")
    );
    assert_eq!(notification.bucket, template.buckets[0].name);
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

/// Limits come from the function, else from `Globals`, else they are AWS's defaults.
#[test]
fn limits_are_read() {
    let text = r#"
Globals: { Function: { Timeout: 7, Environment: { Variables: { A: globe, B: globe } } } }
Resources:
  Dead: { Type: AWS::SQS::Queue, Properties: { QueueName: dead } }
  Items:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: items
      VisibilityTimeout: 180
      MessageRetentionPeriod: 60
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }
  Plain: { Type: AWS::Serverless::Function, Properties: { CodeUri: target/lambda/plain/ } }
  Tuned:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/tuned
      Timeout: 120
      MemorySize: 512
      ReservedConcurrentExecutions: 1
      Environment: { Variables: { B: own } }
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Items.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 2
            ScalingConfig: { MaximumConcurrency: 4 }
"#;
    let template = parse(text).unwrap();
    let limits = |name| {
        let function = function(&template, name);
        (function.timeout, function.memory_mb, function.reserved_concurrency)
    };
    assert_eq!(limits("plain"), (Duration::from_secs(7), 128, None));
    assert_eq!(limits("tuned"), (Duration::from_secs(120), 512, Some(1)));
    let environment = BTreeMap::from([("A".to_owned(), "globe".to_owned()), ("B".to_owned(), "own".to_owned())]);
    assert_eq!(function(&template, "tuned").environment, environment);
    let queue = |queue: &super::Queue| (queue.visibility_timeout_s, queue.retention_s, queue.redrive.clone());
    let queues: Vec<_> = template.queues.iter().map(queue).collect();
    assert_eq!(queues, [(30, 345_600, None), (180, 60, Some(("Dead".to_owned(), 5)))]);
    let source = &template.queue_sources[0];
    assert_eq!(
        (source.batch_size, source.window_s, source.max_concurrency),
        (100, 2, Some(4))
    );
    assert!(!source.report_item_failures);
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

/// One variable of one function, resolved.
fn variable(expression: &str) -> Result<String, String> {
    let text = format!(
        "Parameters:\n  Names: {{ Type: CommaDelimitedList, Default: 'a,b' }}\n  Empty: {{ Type: String, Default: '' }}\n\
         Conditions:\n  Has: !Not [!Equals [!Ref Empty, '']]\n\
         Resources:\n  Items: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: items }} }}\n  \
         Live: {{ Type: AWS::ApiGatewayV2::Api, Properties: {{ ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a }} }}\n  \
         Work:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: target/lambda/work/\n      \
         Environment: {{ Variables: {{ X: {expression} }} }}\n"
    );
    let template = parse(&text).map_err(|error| error.to_string())?;
    Ok(template.functions[0].environment.get("X").cloned().unwrap_or_default())
}

#[test]
fn intrinsics_are_resolved() {
    let cases = [
        ("!Ref Names", "a,b"),
        ("!Join ['-', !Ref Names]", "a-b"),
        ("!Sub '${AWS::Region} ${Names} ${!Kept}'", "us-east-1 a,b ${Kept}"),
        ("!If [Has, yes-it-has, !Join ['', [n, o]]]", "no"),
        ("!If [Has, x, !Ref AWS::NoValue]", ""),
        ("!GetAtt Items.Arn", "arn:aws:sqs:us-east-1:000000000000:items"),
        ("!Ref Items", "http://127.0.0.1:3002/000000000000/items"),
        ("{ Ref: Work }", "work"),
        (
            "{ 'Fn::Sub': '${Work.Arn}' }",
            "arn:aws:lambda:us-east-1:000000000000:function:work",
        ),
        (
            "!Sub 'wss://${Live}.execute-api.${AWS::Region}.amazonaws.com/s'",
            "ws://127.0.0.1:3001/s",
        ),
        ("'a {{resolve:secretsmanager:n/x:SecretString:k}} b'", "a <n/x k> b"),
        ("17", "17"),
    ];
    for (expression, expected) in cases {
        assert_eq!(variable(expression).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn what_cannot_be_resolved_is_an_error_that_names_it() {
    let cases = [
        ("!Ref Nothing", "Nothing is neither a parameter nor a resource"),
        ("!GetAtt Items.Colour", "attribute Colour of Items"),
        ("!ImportValue x", "the intrinsic ImportValue is not known"),
        ("!Sub '${Names'", "has an open ${"),
        ("!If [Missing, a, b]", "Missing is neither"),
        ("'{{resolve:ssm:x}}'", "variable X"),
    ];
    for (expression, expected) in cases {
        let error = variable(expression).unwrap_err();
        assert!(error.contains(expected), "{expression}: {error}");
    }
}

#[test]
fn buckets_tell_queues_and_nobody_else() {
    let bucket = |notifications: &str| {
        parse(&format!(
            "Resources:\n  Items: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: items }} }}\n  In:\n    Type: AWS::S3::Bucket\n    \
             Properties: {{ BucketName: in, NotificationConfiguration: {notifications} }}\n"
        ))
    };
    let rules = "{ S3Key: { Rules: [{ Name: suffix, Value: .csv }] } }";
    let template = bucket(&format!(
        "{{ QueueConfigurations: [{{ Event: 's3:ObjectCreated:Put', Queue: !GetAtt Items.Arn, Filter: {rules} }}] }}"
    ));
    let expected = super::BucketNotification {
        bucket: "in".to_owned(),
        event: "s3:ObjectCreated:Put".to_owned(),
        prefix: None,
        suffix: Some(".csv".to_owned()),
        queue: "Items".to_owned(),
    };
    assert_eq!(template.unwrap().bucket_notifications, [expected]);
    for (notifications, told) in [
        ("{ LambdaConfigurations: [] }", "LambdaConfigurations"),
        (
            "{ QueueConfigurations: [{ Event: 's3:*', Queue: 'arn:aws:sqs:us-east-1:0:none' }] }",
            "there is no queue",
        ),
    ] {
        let error = bucket(notifications).unwrap_err().to_string();
        assert!(
            error.starts_with("In: ") && error.contains(told),
            "{notifications}: {error}"
        );
    }
}

#[test]
fn unknown_resource_types_are_refused() {
    let error = parse("Resources: { Cache: { Type: AWS::ElastiCache::CacheCluster } }").unwrap_err();
    assert!(error.to_string().contains("AWS::ElastiCache::CacheCluster"), "{error}");
    assert!(parse("Resources: { Bell: { Type: AWS::CloudWatch::Alarm } }").is_ok());
    let looped = "Resources: { Q: { Type: AWS::SQS::Queue, Properties: { QueueName: !Sub '${Q}x' } } }";
    assert!(parse(looped).unwrap_err().to_string().contains("nested deeper"));
}
