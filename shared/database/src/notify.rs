//! LISTEN: what wakes the publisher between its ticks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::connect::{Database, Error, Session, identifier, tls};
use crate::ingest::Committed;

/// Notifications that wait to be taken; past this the listener reports that it lost some.
const MAX_WAITING: usize = 4_096;

/// Payload by which a publisher asks the one at work to hand over.
const HANDOVER: &str = "handover";

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Facts were committed.
    Facts(Committed),
    /// Subscriptions changed; the publisher looks at once.
    Subscriptions,
    /// Another publisher waits to take over.
    Handover,
    /// Definitions of a client changed.
    Catalog(uuid::Uuid),
}

/// A connection that listens. While [`Listener::is_sound`] holds, every commit is told of.
pub struct Listener {
    notices: mpsc::Receiver<Notice>,
    sound: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Connects and listens.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn start(database: &Database) -> Result<Self, Error> {
        let (sender, notices) = mpsc::channel(MAX_WAITING);
        let sound = Arc::new(AtomicBool::new(true));
        let (client, task) = match database.config().get_ssl_mode() {
            tokio_postgres::config::SslMode::Disable => {
                let (client, connection) = database.config().connect(NoTls).await?;
                (client, tokio::spawn(follow(connection, sender, Arc::clone(&sound))))
            }
            _ => {
                let (client, connection) = database.config().connect(tls()).await?;
                (client, tokio::spawn(follow(connection, sender, Arc::clone(&sound))))
            }
        };
        client
            .batch_execute(&format!(
                "SET ROLE {}; LISTEN facts; LISTEN subscriptions; LISTEN catalog",
                identifier(database.role())
            ))
            .await?;
        // The connection lives as long as its client: the task keeps it.
        let keeper = tokio::spawn(async move {
            let _client = client;
            task.await.ok();
        });
        Ok(Self {
            notices,
            sound,
            task: keeper,
        })
    }

    /// The next notice; `None` once the connection is gone.
    pub async fn next(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }

    /// A notice that is there already.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.notices.try_recv().ok()
    }

    /// Whether no notice was lost so far.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.sound.load(Ordering::Acquire)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    sender: mpsc::Sender<Notice>,
    sound: Arc<AtomicBool>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        let AsyncMessage::Notification(notification) = message else {
            continue;
        };
        let notice = match notification.channel() {
            "facts" => serde_json::from_str(notification.payload()).ok().map(Notice::Facts),
            "subscriptions" if notification.payload() == HANDOVER => Some(Notice::Handover),
            "subscriptions" => Some(Notice::Subscriptions),
            _ => notification.payload().parse().ok().map(Notice::Catalog),
        };
        // An unreadable or dropped notice is a lost one: the reader falls back to looking at everything.
        if notice.is_none_or(|notice| sender.try_send(notice).is_err()) {
            sound.store(false, Ordering::Release);
        }
    }
    sound.store(false, Ordering::Release);
}

/// Tells the publisher that subscriptions changed.
///
/// # Errors
/// When the statement fails.
pub async fn subscriptions_changed(database: &Database, shard: u32) -> Result<(), Error> {
    database
        .session()
        .await?
        .execute("SELECT pg_notify('subscriptions', $1)", &[&shard.to_string()])
        .await?;
    Ok(())
}

/// Asks the publisher at work to hand over.
///
/// # Errors
/// When the statement fails.
pub async fn ask_for_handover(database: &Database) -> Result<(), Error> {
    database
        .session()
        .await?
        .execute("SELECT pg_notify('subscriptions', $1)", &[&HANDOVER])
        .await?;
    Ok(())
}

/// How far the facts of some clients have come: for each client and entity the latest time of any fact. It never goes back:
/// a late correction leaves it where it is.
///
/// # Errors
/// When the statement fails.
pub async fn watermarks(
    session: &Session,
    clients: &[uuid::Uuid],
) -> Result<Vec<(uuid::Uuid, String, jiff::Timestamp)>, Error> {
    let rows = session
        .query("SELECT client_id, entity, latest FROM core.watermarks($1)", &[&clients])
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}
