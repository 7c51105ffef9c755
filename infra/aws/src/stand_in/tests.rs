#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::account::AUTHORIZATION;
use crate::lambda::testing::{Fake, Reply};
use crate::testing::{TempFolder, listener, sdk_config};

/// One function behind a route and behind a queue that hears of a bucket's objects.
const TEMPLATE: &str = r#"
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Items: { Type: AWS::SQS::Queue, Properties: { QueueName: items } }
  Dropped:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: dropped
      NotificationConfiguration: { QueueConfigurations: [{ Event: "s3:ObjectCreated:*", Queue: !GetAtt Items.Arn }] }
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/work/
      Events:
        Hello: { Type: HttpApi, Properties: { Method: get, Path: /hello } }
        Queue: { Type: SQS, Properties: { Queue: !GetAtt Items.Arn } }
"#;

async fn start(folder: &TempFolder) -> StandIn {
    let (http, websocket, pages) = (listener().await.0, listener().await.0, listener().await.0);
    let listeners = Listeners::bind(http, websocket, pages).await.unwrap();
    let addresses = listeners.addresses().unwrap();
    let template = Template::parse(TEMPLATE, &addresses, &BTreeMap::new(), &|_, _| None).unwrap();
    let settings = Settings {
        state: folder.path().to_owned(),
        functions: FunctionsDir::new("/nowhere"),
        external: vec!["work".to_owned()],
        pool: PoolLimits::default(),
        visibility: None,
        websocket: Limits::default(),
    };
    StandIn::start(template, listeners, settings).unwrap()
}

#[tokio::test]
async fn requests_and_objects_reach_the_function_once_it_is_open() {
    let folder = TempFolder::create();
    let mut stand_in = start(&folder).await;
    let hello = json!({ "statusCode": 200, "body": "hello" });
    let work = Fake::new(&stand_in.pool, "work", move |_| Reply::Answer(hello.clone()));
    let endpoints = stand_in.endpoints().clone();
    let config = aws_sdk_s3::config::Builder::from(&sdk_config(&endpoints.s3)).force_path_style(true);
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    let object = s3.put_object().bucket("dropped").key("a.csv");
    object.body(Bytes::from_static(b"abc").into()).send().await.unwrap();
    assert!(work.events().is_empty(), "nothing is invoked before it is open");

    stand_in.open().unwrap();
    stand_in.open().unwrap();
    let [event] = work.wait_for(1).await.try_into().unwrap();
    let body: serde_json::Value = serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Records"][0]["s3"]["object"]["key"], "a.csv");
    let answer = reqwest::get(format!("{}/hello", endpoints.http)).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "hello");
    let url = format!("{}/2015-03-31/functions/work/invocations", endpoints.lambda);
    let invocation = reqwest::Client::new().post(url).header("authorization", AUTHORIZATION);
    let answer = invocation.body("{}").send().await.unwrap();
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["body"], "hello");
    stand_in.shutdown().await;
    assert!(reqwest::get(format!("{}/hello", endpoints.http)).await.is_err());
}

#[tokio::test]
async fn what_was_taken_before_a_stop_reaches_the_function_after_it() {
    let folder = TempFolder::create();
    let first = start(&folder).await;
    let config = aws_sdk_s3::config::Builder::from(&sdk_config(&first.endpoints().s3)).force_path_style(true);
    let object = aws_sdk_s3::Client::from_conf(config.build())
        .put_object()
        .bucket("dropped")
        .key("a.csv");
    object.body(Bytes::from_static(b"abc").into()).send().await.unwrap();
    first.shutdown().await;

    let mut second = start(&folder).await;
    let work = Fake::new(&second.pool, "work", |_| Reply::Answer(json!(null)));
    second.open().unwrap();
    let [event] = work.wait_for(1).await.try_into().unwrap();
    assert!(
        event["Records"][0]["body"].as_str().unwrap().contains("a.csv"),
        "{event}"
    );
    second.shutdown().await;
}

#[tokio::test]
async fn functions_are_told_where_the_services_are() {
    let folder = TempFolder::create();
    let stand_in = start(&folder).await;
    let [work] = stand_in.external() else {
        panic!("{:?}", stand_in.external())
    };
    for (variable, endpoint) in stand_in.endpoints().environment() {
        assert_eq!(work.environment.get(&variable), Some(&endpoint), "{variable}");
    }
    assert_eq!(work.environment["AWS_ENDPOINT_URL_SQS"], stand_in.endpoints().sqs);
    stand_in.shutdown().await;
}

/// What a page of a browser can make it send to any port of this machine.
#[tokio::test]
async fn no_page_reaches_a_service_or_a_function() {
    let folder = TempFolder::create();
    let mut stand_in = start(&folder).await;
    let work = Fake::new(&stand_in.pool, "work", |_| {
        Reply::Answer(json!({ "statusCode": 200, "body": "hello" }))
    });
    stand_in.open().unwrap();
    let endpoints = stand_in.endpoints().clone();
    let runtime = stand_in.external()[0].runtime_api.clone();
    let (origin, there) = (Some("https://page.example"), AUTHORIZATION);
    let sent = async |url: &str, host: Option<&str>, origin: Option<&str>, authorization: Option<&str>| {
        let mut request = reqwest::Client::new().post(url).body("{}");
        for (name, value) in [("host", host), ("origin", origin), ("authorization", authorization)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{url}");
        answer.status().as_u16()
    };
    let invocation = format!("{}/2015-03-31/functions/work/invocations", endpoints.lambda);
    let websocket = endpoints.websocket.replacen("ws:", "http:", 1);
    let connection = format!("{websocket}/@connections/L0SM9cOFvHcCIhw=");
    let not_for_pages = [
        &invocation,
        &endpoints.dynamodb,
        &endpoints.s3,
        &endpoints.sqs,
        &endpoints.eventbridge,
    ];
    for url in not_for_pages
        .into_iter()
        .chain([&endpoints.sesv2, &connection, &runtime])
    {
        assert_eq!(sent(url, None, origin, Some(there)).await, 403, "{url} with an origin");
        if ![&runtime, &endpoints.s3].contains(&url) {
            assert_eq!(sent(url, None, None, None).await, 403, "{url} without a signature");
        }
        let preflight = reqwest::Client::new().request(reqwest::Method::OPTIONS, url);
        let preflight = preflight.header("origin", "https://page.example");
        let answer = preflight
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 403, "a preflight of {url}");
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{url}");
    }
    let unsigned = reqwest::get(format!("{}/dropped/a.csv", endpoints.s3)).await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403, "an object without a signature");
    let hello = format!("{}/hello", endpoints.http);
    for url in not_for_pages
        .into_iter()
        .chain([&endpoints.sesv2, &connection, &runtime, &hello, &websocket])
    {
        let rebound = sent(url, Some("rebound.example:3000"), None, Some(there)).await;
        assert_eq!(rebound, 403, "{url} under another name");
    }
    assert!(work.events().is_empty(), "no function was invoked");
    assert_eq!(
        sent(&hello, Some("localhost"), origin, None).await,
        404,
        "a public API is for pages"
    );
    assert_eq!(sent(&invocation, Some("localhost"), None, Some(there)).await, 200);
    stand_in.shutdown().await;
}
