#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Addresses, EventRule, EventTarget, Function, TargetKind, Template, TemplateError};
use crate::eventbridge::Pattern;

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
    let text = "Parameters: { Stage: { Type: String, Default: dev } }\n\
        Resources: { Items: { Type: AWS::SQS::Queue, Properties: { QueueName: !Sub 'items-${Stage}' } } }";
    assert_eq!(parse(text).unwrap().queues[0].name, "items-dev");
    let parameters = BTreeMap::from([("Stage".to_owned(), "staging".to_owned())]);
    let template = Template::parse(text, &addresses(), &parameters, &|_, _| None).unwrap();
    assert_eq!(template.queues[0].name, "items-staging");
}

#[test]
fn a_missing_secret_names_the_function_and_the_variable() {
    let text = "Resources:\n  Work:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: target/lambda/work/\n      \
        Environment: { Variables: { X: '{{resolve:secretsmanager:shop/store:SecretString:url}}' } }";
    assert_eq!(
        function(&parse(text).unwrap(), "work").environment["X"],
        "<shop/store url>"
    );
    let error = Template::parse(text, &addresses(), &BTreeMap::new(), &|_, _| None).unwrap_err();
    let told = "function work: variable X needs the key url of the secret shop/store, which is not there";
    assert_eq!(error.to_string(), told);
}

/// One variable of one function, resolved.
fn variable(expression: &str) -> Result<String, String> {
    let text = format!(
        "Parameters:\n  Names: {{ Type: CommaDelimitedList, Default: 'a,b' }}\n  Empty: {{ Type: String, Default: '' }}\n\
         Conditions:\n  Has: !Not [!Equals [!Ref Empty, '']]\n\
         Resources:\n  Items: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: items }} }}\n  \
         Socket: {{ Type: AWS::ApiGatewayV2::Api, Properties: {{ ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a }} }}\n  \
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
            "!Sub 'wss://${Socket}.execute-api.${AWS::Region}.amazonaws.com/s'",
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

/// A bus, two queues, a log group and the rule `R` with these properties.
fn rule(properties: &str) -> Result<Template, TemplateError> {
    parse(&format!(
        "Resources:\n  Bus: {{ Type: AWS::Events::EventBus, Properties: {{ Name: domain }} }}\n  \
         Items: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: items }} }}\n  \
         Dead: {{ Type: AWS::SQS::Queue, Properties: {{ QueueName: dead, MaximumMessageSize: 1024 }} }}\n  \
         Log: {{ Type: AWS::Logs::LogGroup, Properties: {{ LogGroupName: /aws/events/domain }} }}\n  \
         May: {{ Type: AWS::Logs::ResourcePolicy, Properties: {{ PolicyName: may, PolicyDocument: '{{}}' }} }}\n  \
         Send: {{ Type: AWS::SQS::QueuePolicy, Properties: {{ Queues: [!Ref Items], \
         PolicyDocument: {{ Statement: [{{ Condition: {{ ArnEquals: {{ 'aws:SourceArn': !GetAtt R.Arn }} }} }}] }} }} }}\n  \
         Work: {{ Type: AWS::Serverless::Function, Properties: {{ CodeUri: target/lambda/work/, \
         Environment: {{ Variables: {{ BUS: !Ref Bus, ARN: !GetAtt Bus.Arn, RULE: !GetAtt R.Arn, LOG: !Ref Log }} }} }} }}\n  \
         R:\n    Type: AWS::Events::Rule\n    Properties: {properties}\n"
    ))
}

#[test]
fn buses_and_rules_are_understood() {
    let retries = "RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 }";
    let log = "!Sub 'arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Log}'";
    let template = rule(&format!(
        "{{ Name: r, EventBusName: !Ref Bus, EventPattern: {{ source: [a] }}, State: DISABLED, Targets: [\
         {{ Id: q, Arn: !GetAtt Items.Arn, {retries}, DeadLetterConfig: {{ Arn: !GetAtt Dead.Arn }} }}, \
         {{ Id: l, Arn: {log} }}] }}"
    ));
    let template = template.unwrap();
    assert_eq!(template.event_buses, ["domain"]);
    let expected = EventRule {
        name: "r".to_owned(),
        bus: "domain".to_owned(),
        pattern: Pattern::parse(&json!({ "source": ["a"] })).unwrap(),
        enabled: false,
        targets: vec![
            EventTarget {
                id: "q".to_owned(),
                arn: "arn:aws:sqs:us-east-1:000000000000:items".to_owned(),
                kind: TargetKind::Queue("Items".to_owned()),
                dead_letters: Some("Dead".to_owned()),
            },
            EventTarget {
                id: "l".to_owned(),
                arn: "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/domain".to_owned(),
                kind: TargetKind::LogGroup,
                dead_letters: None,
            },
        ],
    };
    assert_eq!(template.event_rules, [expected]);
    let bytes: Vec<_> = template.queues.iter().map(|queue| queue.message_bytes).collect();
    assert_eq!(bytes, [1_024, 1_048_576]);
    let environment = &function(&template, "work").environment;
    assert_eq!(
        ["BUS", "ARN", "RULE", "LOG"].map(|name| environment[name].as_str()),
        [
            "domain",
            "arn:aws:events:us-east-1:000000000000:event-bus/domain",
            "arn:aws:events:us-east-1:000000000000:rule/domain/r",
            "/aws/events/domain"
        ]
    );

    let template = rule("{ EventPattern: { source: [a] } }").unwrap();
    let [unnamed] = template.event_rules.as_slice() else {
        panic!("{:?}", template.event_rules)
    };
    assert_eq!((unnamed.name.as_str(), unnamed.bus.as_str()), ("R", "default"));
    assert!(unnamed.enabled && unnamed.targets.is_empty());
    assert_eq!(
        function(&template, "work").environment["RULE"],
        "arn:aws:events:us-east-1:000000000000:rule/R"
    );
}

#[test]
fn a_rule_that_would_do_something_else_here_is_refused() {
    let pattern = "EventPattern: { source: [a] }";
    let target = |properties: &str| format!("{{ {pattern}, Targets: [{{ Id: t, {properties} }}] }}");
    let to_items = |properties: &str| target(&format!("Arn: !GetAtt Items.Arn, {properties}"));
    let twice = "{ Id: t, Arn: !GetAtt Items.Arn }";
    let cases = [
        ("{ ScheduleExpression: rate(1 minute) }".to_owned(), "R: ", "schedules"),
        ("{ State: ENABLED }".to_owned(), "R: ", "needs an EventPattern"),
        (
            format!("{{ {pattern}, EventBusName: other }}"),
            "R: ",
            "no event bus other",
        ),
        (format!("{{ {pattern}, State: Off }}"), "R: ", "State is Off"),
        (
            "{ EventPattern: { source: [{ wildcard: a* }] } }".to_owned(),
            "R: ",
            "the operator wildcard",
        ),
        (
            format!("{{ {pattern}, Targets: [{twice}, {twice}] }}"),
            "R: ",
            "two targets have the Id t",
        ),
        (
            format!("{{ {pattern}, Targets: [{}] }}", [twice; 6].join(", ")),
            "R: ",
            "at most 5 targets",
        ),
        (
            target("Arn: !GetAtt Work.Arn"),
            "rule R, target t: ",
            "not to arn:aws:lambda",
        ),
        (
            target("Arn: 'arn:aws:sqs:us-east-1:0:none'"),
            "rule R, target t: ",
            "no queue",
        ),
        (target("Arn: !GetAtt Log.Arn"), "rule R, target t: ", "without it: !Sub"),
        (
            target("Arn: 'arn:aws:logs:us-east-1:000000000000:log-group:/x'"),
            "rule R, target t: ",
            "there is no log group",
        ),
        (to_items("InputPath: $.detail"), "rule R, target t: ", "know InputPath"),
        (
            to_items("InputTransformer: { InputTemplate: x }"),
            "rule R, target t: ",
            "know InputTransformer",
        ),
        (to_items("Input: x"), "rule R, target t: ", "know Input"),
        (
            to_items("RetryPolicy: { MaximumRetryAttempts: 186 }"),
            "rule R, target t: ",
            "0 to 185",
        ),
        (
            to_items("RetryPolicy: { MaximumEventAgeInSeconds: 59 }"),
            "rule R, target t: ",
            "60 to 86400",
        ),
        (
            to_items("DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:0:none' }"),
            "rule R, target t: ",
            "no queue",
        ),
    ];
    for (properties, place, told) in cases {
        let error = rule(&properties).unwrap_err().to_string();
        assert!(
            error.starts_with(place) && error.contains(told),
            "{properties}: {error}"
        );
    }
}

#[test]
fn routes_have_settings_of_their_own() {
    let text = |key: &str| {
        format!(
            r"
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefaultRouteSettings: {{ ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 }}
      RouteSettings: {{ {key}: {{ ThrottlingBurstLimit: 2, ThrottlingRateLimit: 1 }} }}
  Plain:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/plain/
      Events: {{ Send: {{ Type: HttpApi, Properties: {{ ApiId: !Ref Api, Method: post, Path: /items }} }} }}
"
        )
    };
    let template = parse(&text("POST /items")).unwrap();
    let throttle = super::Throttle { rate: 1.0, burst: 2.0 };
    assert_eq!(template.http_route_throttles["POST /items"], throttle);
    let error = parse(&text("GET /items")).unwrap_err().to_string();
    assert!(error.contains("GET /items, which is no route"), "{error}");
}
