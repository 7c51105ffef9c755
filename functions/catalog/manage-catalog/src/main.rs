//! Boots `manage-catalog`.

use manage_catalog::{Context, router};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    platform::init_logs();
    platform::http::serve(router(Context::from_environment().await?)).await
}
