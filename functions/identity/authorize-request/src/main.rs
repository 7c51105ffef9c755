//! Boots `authorize-request`.

use authorize_request::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    platform::init_logs();
    let context = &Context::from_environment().await?;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<serde_json::Value>| {
        handle(context, event.payload, platform::clock::now()).await
    }))
    .await
}
