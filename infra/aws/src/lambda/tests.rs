#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::testing::{Fake, Reply, function, pool, process_pool};
use super::{InvocationError, PAYLOAD_BYTES, Pool, PoolLimits};

async fn invoke(pool: &Pool, name: &str, event: Value) -> Result<Value, InvocationError> {
    let answer = pool.invoke(name, Bytes::from(event.to_string())).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

async fn work(pool: &Pool, what: &str) -> Result<Value, InvocationError> {
    invoke(pool, "work", json!({ "do": what })).await
}

#[tokio::test]
async fn an_external_function_gets_its_events_and_answers() {
    let pool = pool(&["work"]).await;
    let fake = Fake::new(&pool, "work", |event| match event["n"].as_u64() {
        Some(n) => Reply::Answer(json!({ "twice": n * 2 })),
        None => Reply::Error("BadEvent", "n is missing"),
    });
    assert_eq!(
        invoke(&pool, "work", json!({ "n": 4 })).await.unwrap(),
        json!({ "twice": 8 })
    );
    let error = invoke(&pool, "work", json!({})).await.unwrap_err();
    let (error_type, message) = ("BadEvent".to_owned(), "n is missing".to_owned());
    assert_eq!(error, InvocationError::Function { error_type, message });
    assert_eq!(fake.events().len(), 2);
}

#[tokio::test]
async fn how_to_start_an_external_function_can_be_printed() {
    let pool = pool(&["work"]).await;
    let external = pool.external("work").unwrap();
    let text = external.to_string();
    assert!(
        text.contains(&format!("AWS_LAMBDA_RUNTIME_API='{}'", external.runtime_api)),
        "{text}"
    );
    assert!(
        external.runtime_api.contains("/w/work-") && text.ends_with("'/nowhere/work'"),
        "{text}"
    );
}

#[tokio::test]
async fn unknown_functions_and_large_events_are_refused() {
    let pool = pool(&["work"]).await;
    let error = work(&Pool::clone(&pool), "x").await.unwrap_err();
    assert!(
        matches!(error, InvocationError::Crashed { .. }),
        "there is no binary: {error}"
    );
    let error = invoke(&pool, "play", json!({})).await.unwrap_err();
    assert_eq!(
        error,
        InvocationError::Unknown {
            name: "play".to_owned()
        }
    );
    let bytes = PAYLOAD_BYTES + 1;
    let error = pool.invoke("work", Bytes::from(vec![b' '; bytes])).await.unwrap_err();
    assert_eq!(error, InvocationError::TooLarge { bytes });
}

#[tokio::test]
async fn a_process_is_reused_and_another_started_when_it_is_busy() {
    let (pool, _binaries) = process_pool(vec![function("work")], PoolLimits::default()).await;
    let first = work(&pool, "pid").await.unwrap();
    assert_eq!(work(&pool, "pid").await.unwrap(), first);
    let (one, two) = tokio::join!(work(&pool, "sleep"), work(&pool, "sleep"));
    assert_ne!(one.unwrap(), two.unwrap());
    pool.shutdown().await;
}

#[tokio::test]
async fn when_all_processes_are_busy_events_wait() {
    let limits = PoolLimits {
        processes: 1,
        ..PoolLimits::default()
    };
    let (pool, _binaries) = process_pool(vec![function("work")], limits).await;
    let (one, two) = tokio::join!(work(&pool, "sleep"), work(&pool, "sleep"));
    assert_eq!(one.unwrap(), two.unwrap());
    pool.shutdown().await;
}

#[tokio::test]
async fn reserved_concurrency_throttles() {
    let reserved = crate::template::Function {
        reserved_concurrency: Some(1),
        ..function("work")
    };
    let (pool, _binaries) = process_pool(vec![reserved], PoolLimits::default()).await;
    let (one, two) = tokio::join!(work(&pool, "sleep"), work(&pool, "sleep"));
    assert!(one.is_ok());
    assert_eq!(two.unwrap_err(), InvocationError::Throttled);
    assert!(work(&pool, "pid").await.is_ok());
    pool.shutdown().await;
}

#[tokio::test]
async fn what_is_reserved_waits_where_the_machine_has_fewer_processes() {
    let reserved = crate::template::Function {
        reserved_concurrency: Some(2),
        ..function("work")
    };
    let limits = PoolLimits {
        processes: 1,
        ..PoolLimits::default()
    };
    let (pool, _binaries) = process_pool(vec![reserved], limits).await;
    let (one, two, three) = tokio::join!(work(&pool, "pid"), work(&pool, "pid"), work(&pool, "pid"));
    assert_eq!(one.unwrap(), two.unwrap(), "the second waited for the first");
    assert_eq!(three.unwrap_err(), InvocationError::Throttled);
    pool.shutdown().await;
}

#[tokio::test]
async fn a_crash_is_reported_and_the_process_replaced() {
    let (pool, _binaries) = process_pool(vec![function("work")], PoolLimits::default()).await;
    let first = work(&pool, "pid").await.unwrap();
    let error = work(&pool, "exit").await.unwrap_err();
    assert!(
        matches!(&error, InvocationError::Crashed { status } if status.contains('3')),
        "{error}"
    );
    assert_ne!(work(&pool, "pid").await.unwrap(), first);
    pool.shutdown().await;
}

#[tokio::test]
async fn an_error_keeps_the_process_and_a_large_answer_is_one() {
    let (pool, _binaries) = process_pool(vec![function("work")], PoolLimits::default()).await;
    let first = work(&pool, "pid").await.unwrap();
    let error = work(&pool, "fail").await.unwrap_err();
    assert!(
        matches!(&error, InvocationError::Function { error_type, .. } if error_type == "Broken"),
        "{error}"
    );
    let error = work(&pool, "grow").await.unwrap_err();
    assert!(error.to_string().contains("Function.ResponseSizeTooLarge"), "{error}");
    assert_eq!(work(&pool, "pid").await.unwrap(), first);
    pool.shutdown().await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed() {
    let after = Duration::from_secs(1);
    let hasty = crate::template::Function {
        timeout: after,
        ..function("work")
    };
    let (pool, _binaries) = process_pool(vec![hasty], PoolLimits::default()).await;
    let first = work(&pool, "pid").await.unwrap();
    assert_eq!(
        work(&pool, "hang").await.unwrap_err(),
        InvocationError::TimedOut { after }
    );
    assert_ne!(work(&pool, "pid").await.unwrap(), first);
    assert!(is_gone(&first).await);
    pool.shutdown().await;
}

#[tokio::test]
async fn a_function_that_has_more_memory_than_it_may_is_killed() {
    let (pool, _binaries) = process_pool(vec![function("work")], PoolLimits::default()).await;
    for how in ["peak", "grow without end"] {
        let first = work(&pool, "pid").await.unwrap();
        let error = work(&pool, how).await.unwrap_err();
        assert!(
            matches!(
                error,
                InvocationError::OutOfMemory {
                    limit_mb: 128,
                    peak_mb: 129..
                }
            ),
            "{how}: {error}"
        );
        assert!(error.to_string().starts_with("Runtime.OutOfMemory"), "{error}");
        assert_ne!(work(&pool, "pid").await.unwrap(), first, "{how}");
        assert!(is_gone(&first).await);
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let mut broken = function("work");
    broken.environment.insert("FAIL_INIT".to_owned(), "1".to_owned());
    let (pool, _binaries) = process_pool(vec![broken], PoolLimits::default()).await;
    let error = work(&pool, "pid").await.unwrap_err();
    assert!(error.to_string().contains("no database"), "{error}");
    pool.shutdown().await;
}

#[tokio::test]
async fn a_function_on_the_official_runtime_works() {
    let mut official = function("work");
    official
        .environment
        .insert("OFFICIAL_RUNTIME".to_owned(), "1".to_owned());
    let (pool, _binaries) = process_pool(vec![official], PoolLimits::default()).await;
    for number in 0..3 {
        let answer = invoke(&pool, "work", json!({ "n": number })).await.unwrap();
        assert_eq!(
            (&answer["event"]["n"], &answer["memory"]),
            (&json!(number), &json!(128))
        );
        assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:work");
        assert!(answer["deadline"].as_i64().unwrap() > crate::clock::now().as_millisecond());
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn functions_see_lambdas_variables_and_none_of_ours() {
    let mut configured = function("work");
    configured.environment.insert("STAGE".to_owned(), "dev".to_owned());
    let (pool, _binaries) = process_pool(vec![configured], PoolLimits::default()).await;
    let variables = work(&pool, "env").await.unwrap();
    assert_eq!(variables["STAGE"], "dev");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "work");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert!(
        variables.get("CARGO_MANIFEST_DIR").is_none(),
        "cargo sets it for this test"
    );
    pool.shutdown().await;
}

#[tokio::test]
async fn surplus_idle_processes_end_after_a_while() {
    let limits = PoolLimits {
        idle_kept: 1,
        idle_time: Duration::from_millis(400),
        ..PoolLimits::default()
    };
    let (pool, _binaries) = process_pool(vec![function("work")], limits).await;
    let (one, two) = tokio::join!(work(&pool, "sleep"), work(&pool, "sleep"));
    let (one, two) = (one.unwrap(), two.unwrap());
    tokio::time::sleep(Duration::from_millis(900)).await;
    let kept = work(&pool, "pid").await.unwrap();
    assert!(is_gone(if kept == one { &two } else { &one }).await);
    pool.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_ends_every_process() {
    let (pool, _binaries) = process_pool(vec![function("work")], PoolLimits::default()).await;
    let idle = work(&pool, "pid").await.unwrap();
    let busy = tokio::spawn({
        let pool = pool.clone();
        async move { work(&pool, "hang").await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    pool.shutdown().await;
    assert!(is_gone(&idle).await);
    assert!(busy.await.unwrap().is_err());
    assert_eq!(work(&pool, "pid").await.unwrap_err(), InvocationError::ShuttingDown);
}

/// Whether a process ends within two seconds.
async fn is_gone(pid: &Value) -> bool {
    for _ in 0..40 {
        if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
