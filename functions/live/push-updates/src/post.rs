//! Frames to connections: in the background, bounded, with what became of each reported back.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use live::{Failure, Outgoing};
use platform::connections::{Connections, PostError};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;

use crate::keep::Ending;

/// Posts under way at once. At 10 ms each this is 6,400 a second, most of an account's 10,000.
pub const MAX_POSTS: usize = 64;

/// Connections whose frames are composed and have no report: enough to keep all places busy, and few enough that what is posted is new.
pub const MAX_POSTS_AHEAD: usize = 2 * MAX_POSTS;

/// Connections that are composed for at once. What is heard meanwhile waits for it: with 500 channels each, some 5 ms.
pub const MAX_COMPOSED: usize = 16;

/// Of the posts under way, those to one client: however many connections one has, another's next frame waits for a place no longer than a post takes.
pub const MAX_POSTS_PER_CLIENT: usize = 48;

/// The longest wait for one post; a slower connection is tried again with newer values.
pub const POST_TIMEOUT: Duration = Duration::from_secs(1);

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

    /// How many have no report yet.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.about.len()
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
    connections: Connections,
    places: Arc<Semaphore>,
    /// Of each client that something is posted to.
    clients: Arc<Mutex<BTreeMap<Uuid, Weak<Semaphore>>>>,
}

impl Poster {
    /// A poster to the connections of one WebSocket API.
    #[must_use]
    pub fn new(connections: Connections) -> Self {
        Self {
            connections,
            places: Arc::new(Semaphore::new(MAX_POSTS)),
            clients: Arc::default(),
        }
    }

    /// The places of a client, kept while any of its posts is under way.
    fn places_of(&self, client: Uuid) -> Arc<Semaphore> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = clients.get(&client).and_then(Weak::upgrade) {
            return places;
        }
        clients.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(MAX_POSTS_PER_CLIENT));
        clients.insert(client, Arc::downgrade(&places));
        places
    }

    /// Posts the frames of one connection in their order, in the background. None is begun after the lease's end, when another publisher may have taken over:
    /// that counts as a failure. One that was begun just before and comes late is of an earlier epoch, which clients ignore.
    pub fn post(&self, posts: &mut Posts, outgoing: Outgoing, lease: Ending) {
        let poster = self.clone();
        let Outgoing {
            connection,
            client,
            seq,
            frames,
        } = outgoing;
        let places = self.places_of(client);
        posts.start(connection.clone(), seq, async move {
            for frame in frames {
                // First among the client's own: who waits there holds no place that another could use.
                let Ok(_own) = places.acquire().await else {
                    return Err(Failure::Other);
                };
                let Ok(_place) = poster.places.acquire().await else {
                    return Err(Failure::Other);
                };
                poster.one(&connection, frame, &lease).await?;
            }
            Ok(())
        });
    }

    async fn one(&self, connection: &str, frame: String, lease: &Ending) -> Result<(), Failure> {
        if lease.has_come() {
            tracing::warn!(connection, "a post came too late to be begun under this lease");
            return Err(Failure::Other);
        }
        let posted = self.connections.post(connection, frame.into()).await;
        posted.map_err(|error| match error {
            PostError::Gone => Failure::Gone,
            PostError::Throttled => Failure::Throttled,
            PostError::TimedOut | PostError::Other(_) => {
                tracing::warn!(connection, cause = %error, "post failed");
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
