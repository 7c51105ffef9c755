//! What every function needs and no domain knows: boot, environment, clock, logs, problem+json, and the edge of HTTP.
//!
//! Nothing here knows a KPI. The clock is read here and nowhere else.

#[cfg(feature = "bucket")]
pub mod bucket;
#[cfg(feature = "bus")]
pub mod bus;
pub mod clock;
#[cfg(feature = "connections")]
pub mod connections;
#[cfg(feature = "database")]
pub mod database;
pub mod environment;
pub mod extract;
pub mod http;
pub mod idempotency;
pub mod list;
pub mod logs;
#[cfg(feature = "mail")]
pub mod mail;
pub mod problem;
#[cfg(feature = "publishers")]
pub mod publishers;
pub mod query;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "quota")]
pub mod quota;
mod strict;
pub mod versions;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;

pub use logs::init_logs;
pub use problem::Problem;

/// Longest that a call of an AWS service may take, with the SDK's own retries: a request has 10 s. What is read of a large object after the answer
/// has begun is not counted.
const AWS_CALL: Duration = Duration::from_secs(8);

/// Region, credentials and endpoints from the environment, as Lambda sets them, and how long a call may take.
pub async fn aws_configuration() -> aws_config::SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_timeout(AWS_CALL)
        .build();
    let loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
    loader.timeout_config(timeouts).load().await
}
