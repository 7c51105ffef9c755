//! `report-health`: whether all works, for load balancers; what does and what does not, and what waits in queues, for operators. A stranger is told neither versions nor
//! how many databases there are.

mod queues;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use api::operate::{self, HealthCheck};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use database::{Database, HOME, Timeouts};
use facts::health::{self, Health, Jobs, Sketches};
use futures::future::join_all;
use platform::http::Routes;
use platform::{clock, environment};
use registry::{Duty, Registry, SHARDS};

use crate::queues::Queues;

/// How long a check may take: load balancers ask for an answer within 2 s.
const CHECK_WITHIN: Duration = Duration::from_millis(1_500);

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    registry: Registry,
    queues: Queues,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST);
        let registry = Registry::connect_to(
            &platform::aws_configuration().await,
            environment::required("REGISTRY_TABLE")?,
        );
        Ok(Self {
            database,
            registry,
            queues: Queues::from_environment().await?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&operate::READ_HEALTH, read)
        .serve(&operate::READ_HEALTH_CHECKS, read_checks)
        .serve(&operate::LIST_QUEUES, queues::list)
}

async fn read(State(context): State<Context>) -> (StatusCode, Json<operate::Health>) {
    let (code, Json(operate::HealthChecks { status, .. })) = read_checks(State(context)).await;
    (code, Json(operate::Health { status }))
}

async fn read_checks(State(context): State<Context>) -> (StatusCode, Json<operate::HealthChecks>) {
    let databases = context.database.each().map(|(name, database)| async move {
        let name = if name == HOME {
            "database".to_owned()
        } else {
            format!("database_{name}")
        };
        (name, in_time(check(&database)).await)
    });
    let (databases, registry) = tokio::join!(join_all(databases), in_time(registry(&context)));
    let mut checks: BTreeMap<String, HealthCheck> = databases.into_iter().collect();
    checks.insert("registry".to_owned(), registry);
    let ok = checks.values().all(|check| check.ok);
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(operate::HealthChecks {
            status: if ok {
                operate::HealthStatus::Ok
            } else {
                operate::HealthStatus::Failing
            },
            checks,
        }),
    )
}

/// What a check says, or that it says nothing in time.
async fn in_time(check: impl Future<Output = HealthCheck>) -> HealthCheck {
    let said = tokio::time::timeout(CHECK_WITHIN, check).await;
    said.unwrap_or_else(|_| HealthCheck {
        ok: false,
        detail: format!("no answer within {} s", CHECK_WITHIN.as_secs_f32()),
    })
}

async fn check(database: &Database) -> HealthCheck {
    match health::check(database).await {
        Ok(seen) => described(&seen),
        Err(error) => {
            tracing::error!(cause = %error, "database check failed");
            HealthCheck {
                ok: false,
                detail: "no answer; the function's log has the cause".to_owned(),
            }
        }
    }
}

fn described(seen: &Health) -> HealthCheck {
    let Jobs {
        failing,
        failures_so_far,
    } = seen.jobs;
    let advice = if failing == 0 {
        ""
    } else {
        ": see timescaledb_information.job_errors"
    };
    HealthCheck {
        ok: failing == 0,
        detail: format!(
            "TimescaleDB {} ({}), {} stale ranges, {failing} background jobs failed in their last run{advice} ({failures_so_far} failed runs so far){}",
            seen.timescaledb,
            seen.edition,
            seen.stale_ranges,
            described_sketches(&seen.sketches)
        ),
    }
}

/// What one client's facts are too many for is told, and is no fault of the database: answers are right all the same.
fn described_sketches(failing: &Sketches) -> String {
    let Sketches {
        entities,
        hours,
        failures,
        reasons,
    } = failing;
    match hours {
        0 => String::new(),
        _ => format!(
            "; sketches of {hours} hours of {entities} entities can't be made ({reasons}; tried {failures} times): they are read from their facts, see core.unsketched"
        ),
    }
}

async fn registry(context: &Context) -> HealthCheck {
    match publishers(&context.registry).await {
        Ok(0) => HealthCheck {
            ok: true,
            detail: "no publisher is at work, which is so when nobody watches".to_owned(),
        },
        Ok(at_work) => HealthCheck {
            ok: true,
            detail: format!("publishers are at work for {at_work} of {SHARDS} shards"),
        },
        Err(error) => {
            tracing::error!(cause = %error, "registry check failed");
            HealthCheck {
                ok: false,
                detail: "no answer; the function's log has the cause".to_owned(),
            }
        }
    }
}

/// How many shards somebody publishes for.
async fn publishers(registry: &Registry) -> registry::Result<usize> {
    let mut at_work = 0;
    for shard in 0..SHARDS {
        at_work += usize::from(registry.lease(shard, Duty::Publish, clock::now()).await?.is_some());
    }
    Ok(at_work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_works_again_is_healthy() {
        for (failing, failures_so_far, ok) in [(0, 0, true), (0, 7, true), (1, 1, false)] {
            let seen = Health {
                timescaledb: "2.0".to_owned(),
                edition: "community",
                jobs: Jobs {
                    failing,
                    failures_so_far,
                },
                stale_ranges: 0,
                sketches: Sketches::default(),
            };
            let check = described(&seen);
            assert_eq!(check.ok, ok, "{}", check.detail);
            assert!(!check.detail.contains("sketches"), "{}", check.detail);
            assert!(
                check.detail.contains(&format!("{failures_so_far} failed runs")),
                "{}",
                check.detail
            );
        }
    }

    #[test]
    fn sketches_that_can_not_be_made_are_told() {
        let failing = Sketches {
            entities: 1,
            hours: 2,
            failures: 7,
            reasons: "query_canceled".to_owned(),
        };
        let told = described_sketches(&failing);
        assert!(
            told.contains("2 hours of 1 entities") && told.contains("query_canceled; tried 7 times"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn what_says_nothing_is_told_in_time() {
        let asked = std::time::Instant::now();
        let check = in_time(std::future::pending()).await;
        assert!(
            !check.ok && check.detail.contains("no answer within 1.5 s"),
            "{}",
            check.detail
        );
        assert!(asked.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::operate::ROUTES),
            [""; 0]
        );
    }
}
