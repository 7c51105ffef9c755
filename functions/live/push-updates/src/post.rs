//! Frames to connections: in the background, bounded, with what became of each reported back.

use std::collections::HashMap;
use std::future::Future;
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
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// Posts under way at once. At 10 ms each this is 6,400 a second, most of an account's 10,000.
const MAX_POSTS: usize = 64;

/// The longest wait for one post; a slower connection is tried again with newer values.
pub const POST_TIMEOUT: Duration = Duration::from_secs(3);

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

/// Posts under way. Every one is reported, also one whose task panicked: a connection without a report would get no frame ever again.
#[derive(Default)]
pub struct Posts {
    tasks: JoinSet<Result<(), Failure>>,
    /// Connection and tick of each.
    about: HashMap<Id, (String, u64)>,
}

impl Posts {
    /// Starts a post.
    pub fn start(
        &mut self,
        connection: String,
        seq: u64,
        post: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(post);
        self.about.insert(task.id(), (connection, seq));
    }

    /// The next report; `None` when nothing is under way. Cancelling it loses none.
    pub async fn next(&mut self) -> Option<Posted> {
        let joined = self.tasks.join_next_with_id().await?;
        self.report(joined)
    }

    /// A report that has come already.
    pub fn try_next(&mut self) -> Option<Posted> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.report(joined)
    }

    fn report(&mut self, joined: Result<(Id, Result<(), Failure>), JoinError>) -> Option<Posted> {
        let (id, result) = joined.unwrap_or_else(|error| {
            tracing::error!(cause = %error, "a post ended without a result; its connection is tried again");
            (error.id(), Err(Failure::Other))
        });
        let (connection, seq) = self.about.remove(&id)?;
        Some(Posted {
            connection,
            seq,
            result,
        })
    }
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

    /// Posts the frames of one connection in their order, in the background. None is begun after `until`, when another publisher may have taken over:
    /// that counts as a failure.
    pub fn post(&self, posts: &mut Posts, outgoing: Outgoing, until: Instant) {
        let poster = self.clone();
        let Outgoing {
            connection,
            seq,
            frames,
        } = outgoing;
        posts.start(connection.clone(), seq, async move {
            for frame in frames {
                poster.one(&connection, frame, until).await?;
            }
            Ok(())
        });
    }

    async fn one(&self, connection: &str, frame: String, until: Instant) -> Result<(), Failure> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(Failure::Other);
        };
        if Instant::now() >= until {
            tracing::warn!(connection, "a post came too late to be begun under this lease");
            return Err(Failure::Other);
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[tokio::test]
    async fn every_post_is_reported_also_one_that_panics() {
        let mut posts = Posts::default();
        posts.start("a".to_owned(), 1, async { Ok(()) });
        posts.start("b".to_owned(), 1, async { panic!("a bug") });
        posts.start("c".to_owned(), 2, async { Err(Failure::Throttled) });
        let mut reports = BTreeMap::new();
        while let Some(posted) = posts.next().await {
            reports.insert(posted.connection, (posted.seq, posted.result));
        }
        let expected = [
            ("a", (1, Ok(()))),
            ("b", (1, Err(Failure::Other))),
            ("c", (2, Err(Failure::Throttled))),
        ];
        assert_eq!(reports, expected.map(|(name, report)| (name.to_owned(), report)).into());
        assert!(posts.about.is_empty());
    }
}
