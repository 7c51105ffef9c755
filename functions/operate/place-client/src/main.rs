//! Boots `place-client`.

use lambda_runtime::service_fn;
use place_client::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    platform::init_logs();
    let context = Context::from_environment()?;
    lambda_runtime::run(service_fn(|event| handle(&context, event))).await
}
