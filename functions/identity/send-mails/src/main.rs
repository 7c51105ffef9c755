//! Boots `send-mails`.

use lambda_runtime::service_fn;
use send_mails::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    platform::init_logs();
    let context = Context::from_environment().await?;
    lambda_runtime::run(service_fn(|event| handle(&context, event))).await
}
