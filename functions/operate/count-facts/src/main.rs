//! Boots `count-facts`.

use count_facts::{Context, handle};
use lambda_runtime::service_fn;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    platform::init_logs();
    let context = Context::from_environment().await?;
    lambda_runtime::run(service_fn(|event| handle(&context, event))).await
}
