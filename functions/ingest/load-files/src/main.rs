//! Boots `load-files`.

// Whether its future is `Send` is asked through more layers of futures than the default of 128.
#![recursion_limit = "256"]

use lambda_runtime::service_fn;
use load_files::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    platform::init_logs();
    let context = Context::from_environment().await?;
    lambda_runtime::run(service_fn(|event| handle(&context, event))).await
}
