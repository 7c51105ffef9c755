//! `report-health`: what works and what does not, for load balancers and people.

use std::collections::BTreeMap;

use anyhow::Result;
use api::rest::{Health, HealthCheck};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use database::{Database, health};
use platform::{clock, environment};
use registry::Registry;

/// The shard whose publisher is looked at.
const SHARD: u32 = 0;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    registry: Registry,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = Database::new(
            &environment::required("DATABASE_URL")?,
            &environment::required("DATABASE_ROLE")?,
        )?;
        let registry = Registry::connect_to(
            &platform::aws_configuration().await,
            environment::required("REGISTRY_TABLE")?,
        );
        Ok(Self { database, registry })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    Router::new().route("/v1/health", get(read)).with_state(context)
}

async fn read(State(context): State<Context>) -> (StatusCode, Json<Health>) {
    let checks = BTreeMap::from([
        ("database".to_owned(), database(&context).await),
        ("registry".to_owned(), registry(&context).await),
    ]);
    let ok = checks.values().all(|check| check.ok);
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Health {
            status: if ok { "ok" } else { "failing" }.to_owned(),
            checks,
        }),
    )
}

async fn database(context: &Context) -> HealthCheck {
    match health::check(&context.database).await {
        Ok(seen) if seen.failed_jobs == 0 => HealthCheck {
            ok: true,
            detail: format!(
                "TimescaleDB {} ({}), {} stale ranges",
                seen.timescaledb, seen.edition, seen.stale_ranges
            ),
        },
        Ok(seen) => HealthCheck {
            ok: false,
            detail: format!(
                "TimescaleDB {} ({}): {} failures of background jobs, see timescaledb_information.job_stats",
                seen.timescaledb, seen.edition, seen.failed_jobs
            ),
        },
        Err(error) => {
            tracing::error!(cause = %error, "database check failed");
            HealthCheck {
                ok: false,
                detail: "no answer; the function's log has the cause".to_owned(),
            }
        }
    }
}

async fn registry(context: &Context) -> HealthCheck {
    match context.registry.lease(SHARD, clock::now()).await {
        Ok(Some(_)) => HealthCheck {
            ok: true,
            detail: "a publisher is at work".to_owned(),
        },
        Ok(None) => HealthCheck {
            ok: true,
            detail: "no publisher is at work, as when nobody watches".to_owned(),
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
