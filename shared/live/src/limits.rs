//! Every limit of the live protocol, and why it has its value.

/// Topics in one `subscribe`. 200 short topics are about 20 KB, inside one 32 KB WebSocket frame of API Gateway; a dashboard of
/// 100 KPIs subscribes at once.
pub const MAX_TOPICS_PER_MESSAGE: usize = 200;

/// Topics of one connection over all its messages: five full dashboards of 100.
pub const MAX_TOPICS_PER_CONNECTION: usize = 500;

/// Buckets a snapshot may show: a day of minutes. Longer history is fetched, not pushed.
pub const MAX_BUCKETS: u16 = 1_440;

/// Rows that the snapshots of one connection may have together: 166 charts of an hour of minutes, or 6 of a day. A row is about 35 bytes, so a full
/// snapshot is 350 KB, three frames. A subscribe that alone asks for more is refused; over several messages the later
/// topics are granted fewer buckets (never under one), and `subscribed` says how many.
pub const MAX_ROWS_PER_CONNECTION: usize = 10_000;

/// Buckets that a publisher keeps of one client, each topic counted once however many watch it: at 240 bytes each 120 MB. A topic that is subscribed to beyond is
/// granted fewer (never under one), and `subscribed` says how many. It is 80 dashboards of 100 charts of an hour of minutes, all different.
pub const MAX_ROWS_PER_CLIENT: usize = 500_000;

/// A topic's filter has the limits of any other question's.
pub use series::plan::{MAX_FILTER_VALUES, MAX_FILTERS};

/// Values of a topic's filter, of all dimensions together. A publisher holds each in some 80 bytes, so a topic's are 4 KB, and those of the 50,000 topics that a client
/// may have 200 MB.
pub const MAX_TOPIC_VALUES: usize = MAX_FILTER_VALUES;

/// Bytes of one filter value.
pub const MAX_FILTER_VALUE_BYTES: usize = 200;

/// Bytes of [`Topic::id`](crate::Topic::id): it is part of a DynamoDB sort key, which holds 1,024; the rest is left to prefixes.
pub const MAX_TOPIC_ID_BYTES: usize = 900;

/// Bytes of a client's request id: a UUID with a prefix.
pub const MAX_REQUEST_ID_BYTES: usize = 64;

/// Bytes of one frame. API Gateway refuses a message over 128 KB; 8 KB are left for what is between us and it.
pub const MAX_FRAME_BYTES: usize = 120 * 1024;

/// Bytes composed in one tick, shared by the clients that have news: a dozen full snapshots, some 20 ms. A reconnect storm of 1,000 would be 350 MB: what does not
/// fit is composed in the next tick, in turn, and costs nothing meanwhile because nothing is queued.
pub const MAX_TICK_BYTES: usize = 4 * 1024 * 1024;

/// Topics read in one tick, shared by the clients that have any to be read. What is left over is read in the next tick, in turn. One takes some 20 us to plan, so
/// these are 40 ms.
pub const MAX_TICK_READS: usize = 2_048;

/// Unless it is the only client of its publisher, one client has an eighth of [`MAX_TICK_READS`] at most: 256 topics, or 5 ms.
pub const MIN_TICK_SHARERS: usize = 8;

/// A client with more topics is read beside the ticks, so that nobody waits for its statements: one client's share of [`MAX_TICK_READS`], an eighth.
pub const MAX_TICK_TOPICS: usize = 256;

const _: () = assert!(MAX_TICK_TOPICS == MAX_TICK_READS / MIN_TICK_SHARERS);

/// So is one whose windows have more buckets together than two connections may show: a twenty-fifth of the rows that a statement may have, so that not a few topics
/// with long windows fill those of everybody.
pub const MAX_TICK_BUCKETS: usize = 2 * MAX_ROWS_PER_CONNECTION;

/// Topics of one client that are read in a tick however many clients there are: 128 of them get this share of [`MAX_TICK_READS`].
pub const MIN_TICK_SHARE: usize = 16;

/// How often a client's topics are looked at when nothing is told of them: buckets close.
pub const LOOK_EVERY_MS: i64 = 1_000;

/// A connection hears of the watermark this often.
pub const BEAT_INTERVAL_MS: i64 = 5_000;

/// A post fails while `$connect` is still running: within this time of connecting, "gone" is retried.
pub const CONNECT_GRACE_MS: i64 = 5_000;

/// State of a topic that nobody watches any more is kept this long, and so are buckets past the window: a laptop that
/// changes networks resumes without a snapshot. With a minute's period this is at most three buckets more.
pub const RETAIN_MS: i64 = 120_000;

/// First pause after a throttled or failed post.
pub const BACKOFF_FIRST_MS: i64 = 250;

/// Longest pause between two attempts: 250 ms doubled five times is 8 s, then this.
pub const BACKOFF_LAST_MS: i64 = 10_000;

/// First pause after a topic could not be read; each further failure doubles it. A table that is being altered is free again by then.
pub const UNREADABLE_FIRST_MS: i64 = 5_000;

/// Longest pause between two readings of a topic that can't be read. One of too many rows costs the database a second or two each time: a fortieth
/// of this.
pub const UNREADABLE_LAST_MS: i64 = 80_000;

/// How long a client is read beside the ticks after a statement of its own took too long: twice [`SLOW_PAUSE_MS`], so that what is slow is never asked again in
/// the company of others.
pub const SUSPECT_MS: i64 = 1_800_000;

/// Pause after a topic took too long although it was read alone, unless somebody subscribes to it anew: its 6 s are then 1 in 150 of the time of those who are read
/// beside the ticks too.
pub const SLOW_PAUSE_MS: i64 = 900_000;

/// Pause of a client whose database can't be reached.
pub const POSTPONE_MS: i64 = 1_000;
