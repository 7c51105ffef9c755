//! Boots `describe-api`.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    platform::init_logs();
    platform::http::serve(describe_api::router()).await
}
