//! AWS's services that say nothing, or whose port is closed: who asks is told what does not answer, within the function's time.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use platform::Problem;
use platform::bus::{Bus, Entry};
use platform::queue::Queue;
use registry::Registry;
use serde_json::{Value, json};
use tests::fake_service::{ServiceRequest, configuration};
use tests::json::JsonExt as _;
use tests::lone_function::LoneFunction;
use tokio::net::TcpListener;
use uuid::Uuid;

/// What the template gives functions that say nothing else.
const FUNCTION_TIME: Duration = Duration::from_secs(10);

/// The address of somebody who accepts connections and says nothing.
async fn silent() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address.to_string()
}

/// The address of nobody.
async fn closed() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The address of somebody who refuses every request with this status and code.
async fn refusing(status: &'static str, code: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let request = ServiceRequest::read(stream).await.unwrap();
            let body = json!({ "__type": format!("com.amazonaws#{code}"), "message": "no" });
            request.answer(status, "", &body.to_string()).await.unwrap();
        }
    });
    address.to_string()
}

fn hasty(address: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(Duration::from_secs(1))
        .build();
    let configuration = configuration(&format!("http://{address}"));
    configuration.into_builder().timeout_config(timeouts).build()
}

/// What callers are told when each service is at this address.
async fn told(address: &str) -> [Problem; 3] {
    let configuration = hasty(address);
    let registry = Registry::connect_to(&configuration, "table".to_owned());
    let queue = Queue::new(&configuration, format!("http://{address}/000000000000/queue"));
    let bus = Bus::new(&configuration, "bus".to_owned());
    let detail = json!({});
    let entry = Entry {
        source: "test",
        kind: "Test",
        detail: &detail,
    };
    let asked = registry.limits(Uuid::nil()).await.map(drop);
    let (sent, put) = (queue.send("message".to_owned()).await, bus.put(&[entry]).await);
    [
        Problem::from(anyhow::Error::from(asked.unwrap_err()).context("read a quota")),
        Problem::from(sent.unwrap_err()),
        Problem::from(put.unwrap_err()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_answer_is_told_by_its_name() {
    let names = ["registry-unavailable", "queue-unavailable", "event-bus-unavailable"];
    for (case, address) in [
        ("silent", silent().await),
        ("closed", closed().await),
        ("throttled", refusing("400 Bad Request", "ThrottlingException").await),
        (
            "broken",
            refusing("500 Internal Server Error", "InternalServerError").await,
        ),
    ] {
        for (problem, name) in told(&address).await.into_iter().zip(names) {
            assert_eq!(problem.status, 503, "{case}: {problem:?}");
            assert!(problem.kind.ends_with(name), "{case}: {problem:?}");
            assert!(
                problem.hint.is_some() && problem.retry_after.is_some(),
                "{case}: {problem:?}"
            );
        }
    }
    let wrong = refusing("400 Bad Request", "ValidationException").await;
    for problem in told(&wrong).await {
        assert_eq!(problem.status, 500, "a fault of ours: {problem:?}");
    }
}

fn problem(answer: &Value) -> Value {
    answer["body"].text().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_no_queue_takes_are_refused_in_time() {
    let event = include_str!("../../events/ingest/accept-events.json");
    for address in [silent().await, closed().await] {
        let url = format!("http://{address}");
        let queue = format!("{url}/000000000000/events");
        let environment = [
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("EVENTS_QUEUE_URL", &queue),
            ("REGISTRY_TABLE", "registry"),
        ];
        let function = LoneFunction::start("accept-events", FUNCTION_TIME, &environment)
            .await
            .unwrap();
        let (answer, took) = function.answer(event).await.unwrap();
        assert_eq!(answer["statusCode"], 503, "{answer}");
        let problem = problem(&answer);
        assert!(problem["type"].text().ends_with("queue-unavailable"), "{problem}");
        assert!(problem["hint"].text().contains("Idempotency-Key"), "{problem}");
        assert!(took < FUNCTION_TIME, "after {took:?}");
        function.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_when_everything_stands_still() {
    let address = silent().await;
    let (url, database) = (
        format!("http://{address}"),
        format!("postgres://nobody@{address}/none?sslmode=disable"),
    );
    let queue = format!("{url}/000000000000/queue");
    let environment = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("DATABASE_URL", &database),
        ("DATABASE_ROLE", "analytics_app"),
        ("REGISTRY_TABLE", "registry"),
        ("EVENTS_QUEUE_URL", &queue),
        ("EVENTS_DEAD_LETTER_QUEUE_URL", &queue),
        ("DROPPED_FILES_QUEUE_URL", &queue),
        ("FILES_QUEUE_URL", &queue),
        ("FILES_DEAD_LETTER_QUEUE_URL", &queue),
    ];
    let function = LoneFunction::start("report-health", FUNCTION_TIME, &environment)
        .await
        .unwrap();
    // The first time with the start of the process, which Lambda counts apart.
    for _ in 0..2 {
        let (answer, took) = function
            .answer(include_str!(
                "../../events/operate/report-health.read-health-checks.json"
            ))
            .await
            .unwrap();
        assert_eq!(answer["statusCode"], 503, "{answer}");
        let health = problem(&answer);
        for check in ["database", "registry"] {
            let check = &health["checks"][check];
            assert!(
                check["ok"] == false && check["detail"].text().contains("no answer"),
                "{health}"
            );
        }
        assert!(took < Duration::from_secs(2), "after {took:?}");
    }
    let stranger = include_str!("../../events/operate/report-health.json");
    let (answer, took) = function.answer(stranger).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(problem(&answer), serde_json::json!({ "status": "failing" }));
    assert!(took < Duration::from_secs(2), "after {took:?}");
    let queues = include_str!("../../events/operate/report-health.list-queues.json");
    let (answer, took) = function.answer(queues).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(
        problem(&answer)["type"].text().ends_with("queue-unavailable"),
        "{answer}"
    );
    assert!(took < FUNCTION_TIME, "after {took:?}");
    function.stop().await;
}
