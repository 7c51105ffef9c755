//! A connection that listens: `LISTEN` for what other connections `NOTIFY` at their commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::pool::CONNECT_WITHIN;
use crate::{Database, Error, identifier};

/// Notifications that wait to be taken; past this the listener reports that it lost some.
const MAX_WAITING: usize = 4_096;

/// A notification: the channel and its payload.
pub type Notification = (String, String);

/// A connection that listens. While [`Listener::is_sound`] holds, every notification is told of.
pub struct Listener {
    notifications: mpsc::Receiver<Notification>,
    sound: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Connects, apart from the pool, and listens on some channels.
    ///
    /// # Errors
    /// When the server can't be reached, or says nothing in time.
    pub async fn start(database: &Database, channels: &[&str]) -> Result<Self, Error> {
        let within = CONNECT_WITHIN;
        let started = tokio::time::timeout(within, Box::pin(Self::listen(database, channels)));
        started.await.map_err(|_| Error::NoAnswer { within })?
    }

    async fn listen(database: &Database, channels: &[&str]) -> Result<Self, Error> {
        let (sender, notifications) = mpsc::channel(MAX_WAITING);
        let sound = Arc::new(AtomicBool::new(true));
        let (client, task) = match database.config().get_ssl_mode() {
            tokio_postgres::config::SslMode::Disable => {
                let (client, connection) = database.config().connect(NoTls).await?;
                (client, tokio::spawn(follow(connection, sender, Arc::clone(&sound))))
            }
            _ => {
                let (client, connection) = database.config().connect(database.authorities.connector()).await?;
                (client, tokio::spawn(follow(connection, sender, Arc::clone(&sound))))
            }
        };
        let listen: String = channels
            .iter()
            .map(|name| format!("; LISTEN {}", identifier(name)))
            .collect();
        client
            .batch_execute(&format!("SET ROLE {}{listen}", identifier(database.role())))
            .await?;
        // The connection lives as long as its client: the task keeps it.
        let keeper = tokio::spawn(async move {
            let _client = client;
            task.await.ok();
        });
        Ok(Self {
            notifications,
            sound,
            task: keeper,
        })
    }

    /// The next notification; `None` once the connection is gone.
    pub async fn next(&mut self) -> Option<Notification> {
        self.notifications.recv().await
    }

    /// A notification that is there already.
    pub fn try_next(&mut self) -> Option<Notification> {
        self.notifications.try_recv().ok()
    }

    /// Whether no notification was lost so far.
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
    sender: mpsc::Sender<Notification>,
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
        let told = (notification.channel().to_owned(), notification.payload().to_owned());
        // A dropped notification is a lost one: the reader falls back to looking at everything.
        if sender.try_send(told).is_err() {
            sound.store(false, Ordering::Release);
        }
    }
    sound.store(false, Ordering::Release);
}
