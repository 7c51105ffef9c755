//! The life of a publisher: the loop, and how it ends.
//!
//! It never publishes without its lease, which is renewed in the background; one that could not renew it stops before the lease ends. So there are never two.

mod follow;
mod handover;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use database::Timeouts;
use facts::notifications::{Listener, Notification};
use jiff::{SignedDuration, Timestamp};
use live::{Failure, Publisher, Touched, Verdict, Watermark};
use platform::clock;
use registry::Peer;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Context;
use crate::apart::Apart;
use crate::catalogs::Catalogs;
use crate::keep::Kept;
use crate::listen::{hear_changes, listen, next_notification};
use crate::pace::Pace;
use crate::post::{MAX_COMPOSED, MAX_POSTS_AHEAD, Posted, Posts};
use crate::report::Report;
use crate::standby::{self, PUBLISHING};
use crate::start;
use crate::tick::{self, Found, How};

/// Least time between two turns of one client: its commits within it are told in one frame. Ten posts a second to a connection at most.
pub(crate) const TICK_MIN: Duration = Duration::from_millis(100);

/// Most time between two ticks: buckets close, and changes are looked for, even when notifications fail.
const TICK_MAX: Duration = Duration::from_secs(1);

/// No statement of a tick is begun after this, and none beside the ticks lasts longer.
pub(crate) const READ_FOR: Duration = Duration::from_secs(6);

/// What the server lets a statement of a tick and a lock wait: everybody waits for it. What takes longer is asked again client by client, and whose it is has more time
/// beside the ticks.
pub const TICK_TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(2),
    lock: Duration::from_secs(1),
};

/// The same beside the ticks. A topic that takes longer alone is refused.
pub const APART_TIMEOUTS: Timeouts = Timeouts {
    statement: READ_FOR,
    lock: Duration::from_secs(1),
};

/// After a tick that read for so long the next one reads client by client, so that who makes it long is found also where no statement takes too long.
const LONG_TICK: Duration = Duration::from_secs(1);

/// The longest that a tick reads even when the server does not answer: twice [`READ_FOR`].
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(12);

/// How long before Lambda's limit a run ends, so that there is time to hand over.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

/// How long a run publishes before it hands over to who stands by. Who stands by was called when it began, so it is as old by then, and has as long before it: twice
/// this, the reserve and some time to be called are the function's time limit.
const PUBLISH_FOR: Duration = Duration::from_secs(100);

/// How often a run looks whether somebody stands by.
const STANDBY_EVERY: Duration = Duration::from_secs(3);

/// How long a publisher without subscribers goes on before it returns: dashboards that reload come back within it.
const IDLE: Duration = Duration::from_secs(10);

/// How often a broken listener is started again; until then every tick looks at everything.
const RELISTEN_EVERY: Duration = Duration::from_secs(5);

/// Connections that are being removed from the registry at once, because a post found them gone.
const MAX_PRUNES: usize = 8;

/// Publishes for a shard, after standing by if another does, until the deadline or until nobody watches.
///
/// # Errors
/// When the registry fails before the loop began.
pub async fn run(context: &Context, shard: u32, deadline: Timestamp) -> Result<Report> {
    let Some((lease, taken)) = standby::take_lease(context, shard, deadline).await? else {
        return Ok(Report::default());
    };
    let kept = Kept::keep(&context.registry, lease, taken, PUBLISHING);
    let mut turn = Turn::begin(context, kept).await?;
    turn.publish(deadline.saturating_sub(RESERVE)?).await;
    turn.end().await
}

/// A publisher at work.
struct Turn<'a> {
    context: &'a Context,
    kept: Kept,
    publisher: Publisher,
    /// Last change of subscriptions that was applied.
    through: u64,
    catalogs: Catalogs,
    listener: Option<Listener>,
    /// Notifications that came within the tick, for the wait after it.
    heard: Vec<Notification>,
    pace: Pace,
    apart: Apart,
    watermarks: BTreeMap<Uuid, Watermark>,
    posts: Posts,
    prunes: Arc<Semaphore>,
    report: Report,
    started: Instant,
    listened: Instant,
    watermarked: Option<Instant>,
    idle_since: Option<Instant>,
    /// When it was last looked whether somebody stands by.
    standby_at: Option<Instant>,
    /// Whether the server answered the last tick at all.
    is_reading: bool,
    /// Whether the last tick read for long, though not by client.
    was_long: bool,
    /// Whether changes of subscriptions came just now: there may be more than one look shows.
    is_following: bool,
}

/// What woke a tick.
#[derive(Default)]
struct News {
    touched: Vec<Touched>,
    /// Subscriptions are to be followed.
    subscriptions: bool,
    handover: bool,
    /// Definitions changed: all of their client's is to be read.
    definitions: bool,
    /// Everything is to be read: notifications may have been lost.
    unsure: bool,
}

impl News {
    /// When there is something to do by now, if it is not for the pace to say.
    fn due(&self, ticked: Instant) -> Option<Instant> {
        if self.handover {
            return Some(ticked);
        }
        (self.subscriptions || self.definitions || self.unsure).then_some(ticked + TICK_MIN)
    }
}

impl<'a> Turn<'a> {
    /// Continues what the predecessor handed over, or starts a new epoch from the roster.
    async fn begin(context: &'a Context, kept: Kept) -> Result<Turn<'a>> {
        // What is committed after the first read must be told, so both are there before it.
        let (listener, inherited) = tokio::join!(listen(context), start::inherited(context, &kept.lease));
        let (publisher, through) = match inherited? {
            Some(inherited) => inherited,
            None => start::fresh(context, &kept.lease).await?,
        };
        tracing::info!(
            shard = kept.lease.shard,
            epoch = publisher.epoch(),
            fence = kept.lease.fence,
            through,
            "publishing"
        );
        let now = Instant::now();
        Ok(Turn {
            context,
            kept,
            publisher,
            through,
            catalogs: Catalogs::default(),
            listener,
            heard: Vec::new(),
            pace: Pace::new(TICK_MIN),
            apart: Apart::default(),
            watermarks: BTreeMap::new(),
            posts: Posts::default(),
            prunes: Arc::new(Semaphore::new(MAX_PRUNES)),
            report: Report {
                published: true,
                ..Report::default()
            },
            started: now,
            listened: now,
            watermarked: None,
            idle_since: None,
            standby_at: None,
            is_reading: true,
            was_long: false,
            is_following: false,
        })
    }

    /// Ticks until it is time to stop.
    async fn publish(&mut self, until: Timestamp) {
        let mut news = News {
            subscriptions: true,
            unsure: true,
            ..News::default()
        };
        loop {
            let ticked = Instant::now();
            self.follow_subscriptions(&news).await;
            self.report.following_ms += elapsed_ms(ticked);
            self.read(&news).await;
            // Reading takes as long as the database does: whether the lease still holds is known only now.
            if !self.kept.is_held() {
                tracing::warn!(fence = self.kept.lease.fence, "the lease is over: publishing no more");
                return;
            }
            self.send();
            if self.is_done(&news, until).await {
                return;
            }
            let handover = news.handover;
            news = self.wait(ticked).await;
            news.handover |= handover;
        }
    }

    async fn is_done(&mut self, news: &News, until: Timestamp) -> bool {
        if self.publisher.is_idle() {
            let since = *self.idle_since.get_or_insert_with(Instant::now);
            // The first look at an empty roster ends the run at once; a dashboard that reloads is waited for.
            return self.report.frames == 0 || since.elapsed() >= IDLE;
        }
        self.idle_since = None;
        let stands_by = self.look_for_standby(news.handover).await;
        clock::now() >= until || (stands_by && (news.handover || self.started.elapsed() >= PUBLISH_FOR))
    }

    /// Calls somebody who stands by where there is nobody. Tells whether there is somebody, as far as it was looked just now.
    async fn look_for_standby(&mut self, at_once: bool) -> bool {
        let every = if at_once { TICK_MAX } else { STANDBY_EVERY };
        if self.standby_at.is_some_and(|at| at.elapsed() < every) {
            return false;
        }
        self.standby_at = Some(Instant::now());
        let looked = standby::ensure(&self.context.registry, &self.context.wake_queue, self.kept.lease.shard).await;
        looked.unwrap_or_else(|error| {
            tracing::error!(
                cause = format!("{error:#}"),
                "whether somebody stands by can't be told; trying again"
            );
            false
        })
    }

    /// Waits until there is something to do, or it is time to look.
    async fn wait(&mut self, ticked: Instant) -> News {
        let mut news = News {
            subscriptions: self.is_following,
            ..News::default()
        };
        for notification in std::mem::take(&mut self.heard) {
            self.note(&mut news, notification);
        }
        let mut until = ticked + TICK_MAX;
        let mut has_more = self.publisher.has_frames_left();
        if self.is_reading && self.publisher.has_reads_left() {
            until = ticked + TICK_MIN;
        }
        if has_more && self.has_room() {
            until = ticked;
        }
        if let Some(next) = self.next_apart() {
            until = until.min(next.max(ticked + TICK_MIN));
        }
        loop {
            let due = [self.pace.next(), news.due(ticked)].into_iter().flatten().min();
            let until_now = due.map_or(until, |due| due.min(until));
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until_now) => break,
                notification = next_notification(self.listener.as_mut()) => match notification {
                    Some(notification) => self.note(&mut news, notification),
                    None => {
                        self.listener = None;
                        break;
                    }
                },
                found = self.apart.found() => {
                    self.settle_apart(found);
                    break;
                }
                Some(posted) = self.posts.next() => {
                    has_more |= self.report_post(posted);
                    if has_more && self.has_room() {
                        break;
                    }
                }
            }
        }
        while let Some(notification) = self.listener.as_mut().and_then(Listener::try_next) {
            self.note(&mut news, notification);
        }
        while let Some(posted) = self.posts.try_next() {
            self.report_post(posted);
        }
        let now = Instant::now();
        news.subscriptions |= now >= ticked + TICK_MAX;
        news.touched = self.pace.take(now);
        self.mend_listener(&mut news).await;
        news
    }

    /// When the next reading beside the ticks may begin, if there is anything for it.
    fn next_apart(&self) -> Option<Instant> {
        let (free, now) = (self.apart.next()?, clock::now());
        let wait = self.publisher.next_apart(now)?.duration_since(now);
        Some(free.max(Instant::now() + wait.unsigned_abs()))
    }

    /// Whether so many posts are reported that it is worth composing others.
    fn has_room(&self) -> bool {
        self.posts.under_way() + 2 * MAX_COMPOSED <= MAX_POSTS_AHEAD
    }

    fn note(&mut self, news: &mut News, notification: Notification) {
        let ours = self.kept.lease.shard;
        match notification {
            Notification::Facts(committed) => {
                let touched = Touched {
                    client: committed.client,
                    entity: Some(committed.entity),
                    from: Timestamp::from_microsecond(committed.from_us).unwrap_or(Timestamp::MIN),
                    // The end is the first instant after; `Touched` wants the last inside.
                    to: Timestamp::from_microsecond(committed.to_us - 1).unwrap_or(Timestamp::MAX),
                };
                // Commits of clients that nobody watches here wake nobody.
                if self.publisher.watches(committed.client) {
                    self.pace.note(touched, Instant::now());
                }
            }
            Notification::Subscriptions(shard) => news.subscriptions |= shard == ours,
            Notification::Handover(shard) => news.handover |= shard == ours,
            Notification::Catalog(client) => {
                self.catalogs.forget(client);
                // A new formula changes every bucket.
                self.publisher.doubt(client);
                news.definitions |= self.publisher.watches(client);
            }
        }
    }

    /// A listener that lost notifications is replaced; what it missed is found by reading everything once, definitions included.
    async fn mend_listener(&mut self, news: &mut News) {
        if self.listener.as_ref().is_some_and(Listener::is_sound) {
            return;
        }
        news.unsure = true;
        news.subscriptions = true;
        self.catalogs = Catalogs::default();
        self.listener = None;
        if self.listened.elapsed() >= RELISTEN_EVERY {
            self.listened = Instant::now();
            self.listener = listen(self.context).await;
        }
    }

    /// Reads what may have changed, and how far the data has come.
    async fn read(&mut self, news: &News) {
        let (before, began) = (self.context.database.statements(), Instant::now());
        let reading = tokio::time::timeout(READ_LIMIT, async {
            self.observe(news).await;
            self.refresh_watermarks().await;
        });
        self.is_reading = reading.await.is_ok();
        if !self.is_reading {
            tracing::error!("the database did not answer within {READ_LIMIT:?}; trying again");
        }
        let statements = self.context.database.statements() - before;
        self.report.most_statements = self.report.most_statements.max(statements);
        self.report.reading_ms += elapsed_ms(began);
        self.report.ticks += 1;
    }

    async fn observe(&mut self, news: &News) {
        // What can't be read now stays to be read, and needs no second telling.
        self.publisher.touch((!news.unsure).then_some(news.touched.as_slice()));
        if let Err(error) = self.read_asked().await {
            tracing::error!(cause = %error, "buckets can't be read; trying again");
        }
    }

    /// Reads what the publisher asks for in this tick, and begins with what it reads apart.
    async fn read_asked(&mut self) -> Result<(), database::Error> {
        let (database, catalogs, now) = (&self.context.database, &self.catalogs, clock::now());
        let is_free = self.apart.next().is_some_and(|next| next <= Instant::now());
        let (reads, asked) = tick::ask(database, catalogs, &mut self.publisher, now, is_free).await;
        if !reads.apart.is_empty() {
            self.apart.start(&self.context.database_apart, catalogs, reads.apart);
        }
        let (publisher, listener, heard) = (&mut self.publisher, &mut self.listener, &mut self.heard);
        let mut settle = |found| {
            // What was read by definitions that changed meanwhile is not shown.
            for client in hear_changes(listener.as_mut(), heard) {
                catalogs.forget(client);
                publisher.doubt(client);
            }
            tick::settle(publisher, catalogs, found, now);
        };
        let how = if self.was_long { How::ByClient } else { How::Together };
        let (began, until) = (Instant::now(), Instant::now() + READ_FOR);
        let answered = tick::answer(database, catalogs, how, reads.now, until, &mut settle).await;
        self.was_long = how == How::Together && began.elapsed() >= LONG_TICK;
        asked.and(answered)
    }

    /// What was read apart is observed with the next tick.
    fn settle_apart(&mut self, found: Vec<Found>) {
        let now = clock::now();
        tick::settle(&mut self.publisher, &self.catalogs, found, now);
        let pause = SignedDuration::try_from(self.apart.pause()).unwrap_or(SignedDuration::MAX);
        self.publisher.rest_apart(now.saturating_add(pause).unwrap_or(now));
        self.publisher.end_apart();
    }

    /// Ends the tick: what changed goes to those who watch it.
    fn send(&mut self) {
        let began = Instant::now();
        let room = MAX_POSTS_AHEAD.saturating_sub(self.posts.under_way()).min(MAX_COMPOSED);
        for outgoing in self.publisher.frames_within(room, clock::now(), &self.watermarks) {
            self.report.frames += outgoing.frames.len() as u64;
            self.report.bytes += outgoing.frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
            self.context.poster.post(&mut self.posts, outgoing, self.kept.ending());
        }
        self.report.composing_ms += elapsed_ms(began);
    }

    async fn refresh_watermarks(&mut self) {
        let every = Duration::from_millis(u64::try_from(live::BEAT_INTERVAL_MS).unwrap_or(5_000));
        if self.watermarked.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        match tick::watermarks(&self.context.database, &self.catalogs, &self.publisher).await {
            Ok(watermarks) => {
                self.watermarks.retain(|client, _| self.publisher.watches(*client));
                self.watermarks.extend(watermarks);
                self.watermarked = Some(Instant::now());
            }
            Err(error) => tracing::error!(cause = %error, "watermarks can't be read; the last ones stay"),
        }
    }

    /// Takes a report; tells whether there is something new for the connection by now.
    fn report_post(&mut self, posted: Posted) -> bool {
        let Posted {
            connection,
            seq,
            result,
        } = posted;
        let Err(failure) = result else {
            return self.publisher.sent(&connection, seq);
        };
        let client = self.publisher.client_of(&connection);
        let verdict = self.publisher.failed(&connection, failure, clock::now());
        if let (Verdict::Dropped, Failure::Gone, Some(client)) = (verdict, failure, client) {
            // No $disconnect came for it, or not yet.
            self.prune(client, connection);
        }
        false
    }

    /// Removes a connection from the registry, in the background: many may go at once, and nobody else waits for that.
    fn prune(&self, client: Uuid, connection: String) {
        let (registry, prunes) = (self.context.registry.clone(), Arc::clone(&self.prunes));
        tokio::spawn(async move {
            let _place = prunes.acquire().await;
            let peer = Peer {
                client,
                id: &connection,
            };
            if let Err(error) = registry.prune(peer, clock::now()).await {
                tracing::warn!(connection, cause = %error, "a gone connection could not be pruned; its TTL will");
            }
        });
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
