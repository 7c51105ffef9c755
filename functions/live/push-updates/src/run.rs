//! The life of a publisher: lease, hand-over, and the loop in between.
//!
//! The schedule starts an invocation every minute. It waits for the lease while its predecessor is at work and asks it to
//! hand over, so that there is always one that publishes and never two: a publisher that could not renew its lease stops
//! before the lease ends.

use std::time::Duration;

use anyhow::Result;
use database::Timeouts;
use facts::notifications::{self, Listener, Notification};
use jiff::{SignedDuration, Timestamp};
use live::{Failure, Publisher, Touched, Verdict, Watermark};
use platform::clock;
use registry::{Changes, Lease};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Context;
use crate::catalogs::Catalogs;
use crate::post::{POST_TIMEOUT, Posted, Posts};
use crate::start;
use crate::tick;

/// Least time between two ticks: commits within it are told in one frame. Ten posts a second to a connection at most.
const TICK_MIN: Duration = Duration::from_millis(100);

/// Most time between two ticks: buckets close, and changes are looked for, even when notifications fail.
const TICK_MAX: Duration = Duration::from_secs(1);

/// How long a lease lasts without renewal, and how often it is renewed: three renewals may fail before it ends.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(4);

/// No statement of a tick is begun after this, and none lasts longer, so that a tick's reading ends while the lease lasts.
const READ_FOR: Duration = Duration::from_secs(6);

/// What the server lets a statement and a lock wait. A table that is being altered must not hold up everybody's values: its topics are refused after
/// this.
pub const TIMEOUTS: Timeouts = Timeouts {
    statement: READ_FOR,
    lock: Duration::from_secs(1),
};

/// The longest that a tick reads even when the server does not answer: twice [`READ_FOR`], below [`LEASE`].
const READ_LIMIT: Duration = Duration::from_secs(12);

/// How long before the end of its lease a publisher stops: for the difference of two clocks, so that two never publish at once.
const LEASE_MARGIN: Duration = Duration::from_secs(3);

/// How long before Lambda's limit a run ends, so that there is time to hand over.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

/// How long a run lasts at least before it hands over to one that waits.
const MIN_RUN: Duration = Duration::from_secs(20);

/// How long a scheduled run waits for the lease: until shortly before the next one comes, and how often it looks.
const WAIT: Duration = Duration::from_secs(55);
const WAIT_STEP: Duration = Duration::from_millis(100);

/// How long a publisher without subscribers goes on before it returns: dashboards that reload come back within it.
const IDLE: Duration = Duration::from_secs(10);

/// How often a broken listener is started again; until then every tick looks at everything.
const RELISTEN_EVERY: Duration = Duration::from_secs(5);

/// Who asked for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The schedule: waits for its predecessor.
    Schedule,
    /// A subscription found no publisher at work: if there is one by now, there is nothing to do.
    Subscription,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Report {
    /// Whether it published at all.
    pub published: bool,
    /// Turns of the loop.
    pub ticks: u64,
    /// Frames posted.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Most statements of one tick.
    pub most_statements: u64,
}

/// Publishes for a shard until the deadline, or until nobody watches.
///
/// # Errors
/// When the registry fails before the loop began.
pub async fn run(context: &Context, shard: u32, wake: Wake, deadline: Timestamp) -> Result<Report> {
    let Some((lease, taken)) = take_lease(context, shard, wake).await? else {
        return Ok(Report::default());
    };
    let mut turn = Turn::begin(context, lease, taken).await?;
    turn.publish(deadline.saturating_sub(RESERVE)?).await;
    turn.end().await
}

/// The lease of the shard, and when it was asked for; `None` when there is nobody to publish for, or another publisher is at work.
async fn take_lease(context: &Context, shard: u32, wake: Wake) -> Result<Option<(Lease, Instant)>> {
    let holder = Uuid::now_v7();
    let give_up = Instant::now() + WAIT;
    let mut asked = false;
    loop {
        let asking = Instant::now();
        if let Some(lease) = context.registry.acquire(shard, holder, clock::now(), LEASE).await? {
            return Ok(Some((lease, asking)));
        }
        if wake == Wake::Subscription || Instant::now() >= give_up {
            return Ok(None);
        }
        if !asked {
            asked = true;
            if let Err(error) = notifications::ask_for_handover(&context.database).await {
                tracing::warn!(cause = %error, "could not ask for the hand-over; waiting for it");
            }
        }
        tokio::time::sleep(WAIT_STEP).await;
    }
}

/// A publisher at work.
struct Turn<'a> {
    context: &'a Context,
    lease: Lease,
    publisher: Publisher,
    /// Last change of subscriptions that was applied.
    through: u64,
    catalogs: Catalogs,
    listener: Option<Listener>,
    watermarks: BTreeMap<Uuid, Watermark>,
    posts: Posts,
    report: Report,
    started: Instant,
    renewed: Instant,
    listened: Instant,
    watermarked: Option<Instant>,
    idle_since: Option<Instant>,
}

/// What woke a tick.
#[derive(Default)]
struct News {
    touched: Vec<Touched>,
    subscriptions: bool,
    handover: bool,
    /// Everything is to be read: notifications may have been lost.
    unsure: bool,
}

impl<'a> Turn<'a> {
    /// Continues what the predecessor handed over, or starts a new epoch from the roster.
    async fn begin(context: &'a Context, lease: Lease, taken: Instant) -> Result<Turn<'a>> {
        // The listener comes first: what is committed after the first read must be told.
        let listener = listen(context).await;
        let (publisher, through) = match start::inherited(context, &lease).await? {
            Some(inherited) => inherited,
            None => start::fresh(context, &lease).await?,
        };
        tracing::info!(
            shard = lease.shard,
            epoch = publisher.epoch(),
            fence = lease.fence,
            through,
            "publishing"
        );
        let now = Instant::now();
        Ok(Turn {
            context,
            lease,
            publisher,
            through,
            catalogs: Catalogs::default(),
            listener,
            watermarks: BTreeMap::new(),
            posts: Posts::default(),
            report: Report {
                published: true,
                ..Report::default()
            },
            started: now,
            renewed: taken,
            listened: now,
            watermarked: None,
            idle_since: None,
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
            self.read(&news).await;
            // Reading takes as long as the database does: whether the lease still holds is known only now.
            if !self.keep_lease().await {
                return;
            }
            self.send();
            if self.is_done(&news, until) {
                return;
            }
            let handover = news.handover;
            news = self.wait(ticked).await;
            news.handover |= handover;
        }
    }

    fn is_done(&mut self, news: &News, until: Timestamp) -> bool {
        if self.publisher.is_idle() {
            let since = *self.idle_since.get_or_insert_with(Instant::now);
            // The first look at an empty roster ends the run at once; a dashboard that reloads is waited for.
            return self.report.frames == 0 || since.elapsed() >= IDLE;
        }
        self.idle_since = None;
        clock::now() >= until || (news.handover && self.started.elapsed() >= MIN_RUN)
    }

    /// Waits for news, at least the shortest and at most the longest time between ticks.
    async fn wait(&mut self, ticked: Instant) -> News {
        let mut news = News::default();
        let floor = tokio::time::sleep_until(ticked + TICK_MAX);
        tokio::pin!(floor);
        loop {
            tokio::select! {
                () = &mut floor => {
                    news.subscriptions = true;
                    break;
                }
                notification = next_notification(self.listener.as_mut()) => {
                    match notification {
                        Some(notification) => self.note(&mut news, notification),
                        None => self.listener = None,
                    }
                    break;
                }
                Some(posted) = self.posts.next() => self.report_post(posted).await,
            }
        }
        tokio::time::sleep_until(ticked + TICK_MIN).await;
        while let Some(notification) = self.listener.as_mut().and_then(Listener::try_next) {
            self.note(&mut news, notification);
        }
        while let Some(posted) = self.posts.try_next() {
            self.report_post(posted).await;
        }
        self.mend_listener(&mut news).await;
        news
    }

    fn note(&mut self, news: &mut News, notification: Notification) {
        match notification {
            Notification::Facts(committed) => news.touched.push(Touched {
                client: committed.client,
                entity: Some(committed.entity),
                from: Timestamp::from_microsecond(committed.from_us).unwrap_or(Timestamp::MIN),
                // The end is the first instant after; `Touched` wants the last inside.
                to: Timestamp::from_microsecond(committed.to_us - 1).unwrap_or(Timestamp::MAX),
            }),
            Notification::Subscriptions => news.subscriptions = true,
            Notification::Handover => news.handover = true,
            Notification::Catalog(client) => {
                self.catalogs.forget(client);
                // A new formula changes every bucket.
                news.unsure = true;
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

    async fn follow_subscriptions(&mut self, news: &News) {
        if !news.subscriptions {
            return;
        }
        let now = clock::now();
        match self.context.registry.changes(self.lease.shard, self.through, now).await {
            Ok(Changes::Since(changes)) => {
                for (number, change) in changes {
                    self.publisher.apply(change);
                    self.through = number;
                }
            }
            Ok(Changes::Lost) => {
                if let Err(error) = self.read_roster(now).await {
                    tracing::error!(cause = %error, "the roster can't be read; trying again");
                }
            }
            Err(error) => tracing::error!(cause = %error, "changes of subscriptions can't be read; trying again"),
        }
    }

    async fn read_roster(&mut self, now: Timestamp) -> Result<()> {
        let shard = self.lease.shard;
        let roster = self.context.registry.roster(shard, now).await?;
        let controls = self.context.registry.all_controls(shard).await?;
        self.through = roster.sequence;
        self.publisher.load(start::connections(roster.connections));
        self.publisher.load_controls(controls);
        Ok(())
    }

    /// Reads what may have changed, and how far the data has come.
    async fn read(&mut self, news: &News) {
        let before = self.context.database.statements();
        let reading = tokio::time::timeout(READ_LIMIT, async {
            self.observe(news).await;
            self.refresh_watermarks().await;
        });
        if reading.await.is_err() {
            tracing::error!("the database did not answer within {READ_LIMIT:?}; trying again");
        }
        let statements = self.context.database.statements() - before;
        self.report.most_statements = self.report.most_statements.max(statements);
        self.report.ticks += 1;
    }

    async fn observe(&mut self, news: &News) {
        let touched = if news.unsure {
            None
        } else {
            Some(news.touched.as_slice())
        };
        let observed = tick::observe(
            &self.context.database,
            &self.catalogs,
            &mut self.publisher,
            clock::now(),
            touched,
            Instant::now() + READ_FOR,
        );
        if let Err(error) = observed.await {
            tracing::error!(cause = %error, "buckets can't be read; trying again");
        }
    }

    /// Ends the tick: what changed goes to those who watch it.
    fn send(&mut self) {
        // A post that has to wait for its place must not begin when a successor may be at work.
        let until = self.renewed + LEASE.unsigned_abs() - LEASE_MARGIN - POST_TIMEOUT;
        for outgoing in self.publisher.frames(clock::now(), &self.watermarks) {
            self.report.frames += outgoing.frames.len() as u64;
            self.report.bytes += outgoing.frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
            self.context.poster.post(&mut self.posts, outgoing, until);
        }
    }

    async fn refresh_watermarks(&mut self) {
        let every = Duration::from_millis(u64::try_from(live::BEAT_INTERVAL_MS).unwrap_or(5_000));
        if self.watermarked.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        match tick::watermarks(&self.context.database, &self.publisher).await {
            Ok(watermarks) => {
                self.watermarks = watermarks;
                self.watermarked = Some(Instant::now());
            }
            Err(error) => tracing::error!(cause = %error, "watermarks can't be read; the last ones stay"),
        }
    }

    async fn report_post(&mut self, posted: Posted) {
        let Posted {
            connection,
            seq,
            result,
        } = posted;
        let Err(failure) = result else {
            self.publisher.sent(&connection, seq);
            return;
        };
        if self.publisher.failed(&connection, failure, clock::now()) == Verdict::Dropped && failure == Failure::Gone {
            // No $disconnect came for it, or not yet.
            if let Err(error) = self.context.registry.prune(&connection, clock::now()).await {
                tracing::warn!(connection, cause = %error, "a gone connection could not be pruned; its TTL will");
            }
        }
    }

    /// Renews the lease when it is time; `false` once it is lost or may have ended.
    async fn keep_lease(&mut self) -> bool {
        if self.renewed.elapsed() < RENEW_EVERY {
            return true;
        }
        let asking = Instant::now();
        match self.context.registry.renew(&self.lease, clock::now(), LEASE).await {
            Ok(Some(lease)) => {
                self.lease = lease;
                self.renewed = asking;
                true
            }
            Ok(None) => {
                tracing::warn!(fence = self.lease.fence, "the lease was lost to another publisher");
                false
            }
            Err(error) => {
                tracing::error!(cause = %error, "the lease can't be renewed");
                self.renewed.elapsed() + LEASE_MARGIN < LEASE.unsigned_abs()
            }
        }
    }

    /// Waits for posts under way, hands the state over and gives the lease up.
    async fn end(mut self) -> Result<Report> {
        while let Some(posted) = self.posts.next().await {
            self.report_post(posted).await;
        }
        let saved = self.publisher.save(self.through);
        if !self
            .context
            .registry
            .save_handover(&self.lease, &saved, clock::now())
            .await?
        {
            tracing::warn!(
                fence = self.lease.fence,
                "another publisher took over; nothing was handed over"
            );
        }
        self.context.registry.release(&self.lease).await?;
        tracing::info!(
            ticks = self.report.ticks,
            frames = self.report.frames,
            bytes = self.report.bytes,
            most_statements = self.report.most_statements,
            "published"
        );
        // A subscription that came while the lease was still held found a publisher at work, and woke none.
        let newest = self.context.registry.sequence(self.lease.shard).await?;
        if self.publisher.is_idle() && newest > self.through {
            tracing::info!("subscribed meanwhile: going on");
            let deadline = clock::now().saturating_add(SignedDuration::from_secs(30))?;
            return Box::pin(run(self.context, self.lease.shard, Wake::Subscription, deadline)).await;
        }
        Ok(self.report)
    }
}

async fn next_notification(listener: Option<&mut Listener>) -> Option<Notification> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

async fn listen(context: &Context) -> Option<Listener> {
    match Listener::start(&context.database).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::error!(cause = %error, "can't listen; every tick looks at everything until it can");
            None
        }
    }
}
