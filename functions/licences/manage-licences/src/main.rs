//! Boots `manage-licences`.

use manage_licences::{Context, router};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    platform::init_logs();
    platform::http::serve(router(Context::from_environment()?)).await
}
