//! Topics, subscriptions, frames, deltas, coalescing and resume: what stands between facts that changed and a dashboard that
//! shows them. Pure: no I/O, no clock; instants are arguments, and the caller reads, posts and reports back.
//!
//! # The protocol
//!
//! JSON text frames over a WebSocket. A dashboard sends [`ClientMessage`]s and receives [`Frame`]s. It subscribes to topics
//! (KPI x period and its time zone x filter) and gets a short `channel` number for each; every value then travels as a [`Row`],
//! `[channel, bucket, value, facts]`, with a fifth element `1` once the bucket is closed. A row is absolute, never a difference: the
//! newest row of a `(channel, bucket)` replaces the one before, and a bucket without a row has no facts.
//!
//! `subscribed` carries the snapshot and means receiving: from here on nothing is missed that is not told. `update` carries the rows that
//! changed. `beat` says that a quiet stream is alive and how far the data reaches (an `update` that carries `time` stands for a beat).
//! `resync` is a fresh snapshot of everything the connection subscribes to; what was received before is void. A `subscribe` that
//! had no answer yet is answered by it, if it lists the channels.
//!
//! A topic that is not kept up says so, so that its silence is not taken for freshness: `silent` beside it in `subscribed` and `resync`, and `silent` in an `update`
//! when that changes, with the reason ([`Silence`]) or null once its rows are kept up again; what changed meanwhile comes with or after that. A beat's
//! watermark says nothing about silent topics.
//!
//! `pong`, `unsubscribed` and `error` answer a message directly, beside the stream: they have no position, and a client takes them as they come.
//!
//! ## Position: `(epoch, seq)` and `prev`
//!
//! An epoch is one unbroken life of the publisher's state; `seq` counts its ticks. After a frame with `seq` 120 the client has
//! everything that changed up to tick 120 on the topics it was told `subscribed` for. `prev` is the `seq` of what was sent to this connection before
//! (`null`: nothing that the publisher counts on). All frames of one tick are one step: when there is more than one (a snapshot too
//! large for one message, or an update beside a `subscribed`), they share `seq` and `prev` and are numbered `part` 1 to `parts`.
//!
//! A client follows five rules, in this order:
//!
//! 1. **Old:** a frame of an earlier epoch, or of this epoch with a `seq` not above the one it has, is a late repeat: ignore it.
//! 2. **Parts:** hold the parts of a step until the last has come, then apply them in order. Parts that do not follow each other are a hole;
//!    part 1 of a later step discards an unfinished one, because the later step brings its rows again.
//! 3. **Hole:** `prev` above the `seq` it has (or any `prev` in an epoch it does not have) is a hole. `prev` at or below it is fine.
//! 4. **Apply:** a listed topic starts empty unless `resumed` is true; the first `resync` of a step ends all channels the connection had before.
//!    What concerns channels that were given up is ignored: it was on its way.
//! 5. **Resume:** after a hole or a break, connect again and subscribe to what was told `subscribed` with `resume: {epoch, seq}`, with the same
//!    mode and no more buckets. A `resume` speaks for all topics of its message: others go in messages of their own, and a topic whose
//!    answer was still outstanding keeps the position it had before. `resumed: true` brings the rows changed since, to be applied on top of
//!    what is shown; `resumed: false` brings the whole snapshot. Subscribes of a connection are answered in their order.
//!
//! # How nothing is lost
//!
//! The [`Publisher`] keeps no queue per connection. It keeps, per topic, the window of buckets with the tick at which each last changed, and
//! per connection the last tick that was delivered. What a connection still needs is what changed after that: so updates coalesce by
//! themselves, the newest wins, a slow connection costs no memory, and a failed post is retried by doing nothing. Where a row had to leave the window
//! before a connection got it, that connection gets a `resync`.

mod change;
mod existence;
mod filter;
mod frame;
mod limits;
mod message;
mod publisher;
mod refusal;
mod row;
mod subscribe;
mod topic;

pub use change::{Change, Control};
pub use existence::check_existence;
pub use filter::FilterValue;
pub use frame::{
    Beat, ErrorFrame, Frame, Pong, Position, Reason, Resync, Silence, SilentChannel, Subscribed, TopicEcho,
    Unsubscribed, Update, Watermark,
};
pub use limits::*;
pub use message::{ClientMessage, Ping, Resume, Subscribe, TopicRequest, Unsubscribe};
pub use publisher::{
    Calendar, ConnectionInfo, Counters, Failure, Observed, Outgoing, Publisher, Reach, RestoreError, Stats, TopicRead,
    TopicStats, Touched, Touches, Verdict,
};
pub use refusal::{Refusal, RefusalKind};
pub use row::Row;
pub use topic::{Mode, Subscription, Topic, TopicError};
