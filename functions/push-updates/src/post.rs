//! Frames to connections: in the background, bounded, with what became of each reported back.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use live::{Failure, Outgoing};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Posts under way at once. At 10 ms each this is 6,400 a second, most of an account's 10,000.
const MAX_POSTS: usize = 64;

/// Longest wait for one post; a slower connection is tried again with newer values.
const POST_TIMEOUT: Duration = Duration::from_secs(3);

/// What became of the frames of one connection.
#[derive(Debug)]
pub struct Posted {
    /// The connection.
    pub connection: String,
    /// The tick.
    pub seq: u64,
    /// Whether all its frames were taken.
    pub result: Result<(), Failure>,
}

/// Posts frames.
#[derive(Clone)]
pub struct Poster {
    client: Client,
    places: Arc<Semaphore>,
}

impl Poster {
    /// A poster to the connections of one WebSocket API.
    #[must_use]
    pub fn new(configuration: &aws_config::SdkConfig, endpoint: &str) -> Self {
        // No retries: by the time of a second try there are newer values.
        let configuration = Builder::from(configuration)
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(POST_TIMEOUT).build())
            .build();
        Self {
            client: Client::from_conf(configuration),
            places: Arc::new(Semaphore::new(MAX_POSTS)),
        }
    }

    /// Posts the frames of one connection in their order, in the background.
    pub fn post(&self, tasks: &mut JoinSet<Posted>, outgoing: Outgoing) {
        let poster = self.clone();
        tasks.spawn(async move {
            let Outgoing {
                connection,
                seq,
                frames,
            } = outgoing;
            let mut result = Ok(());
            for frame in frames {
                result = poster.one(&connection, frame).await;
                if result.is_err() {
                    break;
                }
            }
            Posted {
                connection,
                seq,
                result,
            }
        });
    }

    async fn one(&self, connection: &str, frame: String) -> Result<(), Failure> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(Failure::Other);
        };
        let sent = self
            .client
            .post_to_connection()
            .connection_id(connection)
            .data(Blob::new(frame.into_bytes()))
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| match error.into_service_error() {
            PostToConnectionError::GoneException(_) => Failure::Gone,
            PostToConnectionError::LimitExceededException(_) => Failure::Throttled,
            other => {
                tracing::warn!(connection, cause = %other, "post failed");
                Failure::Other
            }
        })
    }
}
