//! Logs as JSON lines on standard output, as Lambda collects them.

use tracing_subscriber::EnvFilter;

/// Starts logging at the level of `LOG_LEVEL` (default `info`). A second call changes nothing.
///
/// Libraries log at `warn`: their `info` tells of their own affairs and can carry request data.
pub fn init_logs() {
    let level = crate::environment::optional("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(format!(
        "{level},aws_config=warn,aws_smithy_runtime=warn,hyper=warn,tokio_postgres=warn,refinery_core=warn"
    ))
    .unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
