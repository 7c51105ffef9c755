//! What every function needs and no domain knows: boot, environment, clock, logs, problem+json, and the edge of HTTP.
//!
//! Nothing here knows a KPI. The clock is read here and nowhere else.

#[cfg(feature = "bucket")]
pub mod bucket;
#[cfg(feature = "bus")]
pub mod bus;
pub mod clock;
#[cfg(feature = "database")]
pub mod database;
pub mod environment;
pub mod extract;
pub mod http;
pub mod idempotency;
pub mod logs;
#[cfg(feature = "mail")]
pub mod mail;
pub mod problem;
#[cfg(feature = "publishers")]
pub mod publishers;
#[cfg(feature = "queue")]
pub mod queue;
pub mod versions;

pub use logs::init_logs;
pub use problem::Problem;

/// Region, credentials and endpoints from the environment, as Lambda sets them.
pub async fn aws_configuration() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
