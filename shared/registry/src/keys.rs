//! The keys of every item, in one place.
//!
//! ```text
//! pk                 sk                                  what
//! SHARD#0            CONNECTION#{id}#CARD                a connection
//! SHARD#0            CONNECTION#{id}#TOPICS#{channel}    subscriptions made by one message
//! SHARD#0            SEQUENCE                            the counter of changes
//! SHARD#0            CHANGE#{number}                     one change
//! SHARD#0            CONTROL#{client}#{topic}            a pinned or paused topic
//! SHARD#0            HANDOVER#{id}#{part}                one part of a handover
//! DUTY#0             LEASE                               who publishes for the shard, and where its handover is
//! DUTY#0             STANDBY                             who takes over from it
//! CLIENT#{client}    COUNT                               connections and topics of a client
//! CLIENT#{client}    COUNT#{user}                        connections of one of its users
//! CLIENT#{client}    SESSION#{user}#{id}                 a session of one of its users, with the refresh token that is good
//! CLIENT#{client}    SECRET#{user}                       a one-time secret of one of its users
//! CLIENT#{client}    MAILS#{who}                         mails with a secret that its administrators have sent, or anybody has asked for
//! CLIENT#{client}    MAILS#{who}#{hash}                  those of them that went to one address
//! ATTEMPTS#{hash}    WINDOW                              attempts to sign in with an address, or with any address from one source
//! ATTEMPTS#{hash}    WINDOW#{hash}                       attempts with an address that came from one source
//! ATTEMPTS#{hash}    KNOWN#{hash}                        a source from which was signed in with an address before
//! ATTEMPTS#{hash}    RESETS                              passwords that were asked to be reset from one source
//! QUOTA#{client}     LIMITS                              what a client may use, where that is not the usual
//! QUOTA#{client}     MINUTE#{number}                     events that a client has sent in a minute
//! QUOTA#{client}     CHANGES#{number}                    topics that it has subscribed to and unsubscribed from in a minute
//! ```
//!
//! Connection ids are API Gateway's own: base64, so never a `#`.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

/// How many shards clients are spread over, each with a publisher and one that stands by. A shard that nobody watches costs nothing, one that is
/// watched two functions at work; four are what one API Gateway's 10,000 posts a second keep busy, at some 2,500 of a publisher. The template has a schedule for
/// each.
pub const SHARDS: u32 = 4;

/// Every connection's items begin with it.
pub(crate) const CONNECTIONS: &str = "CONNECTION#";
/// The item of a connection itself ends with it.
pub(crate) const CARD: &str = "#CARD";
/// Every control's item begins with it.
pub(crate) const CONTROLS: &str = "CONTROL#";
/// Every one-time secret's item begins with it.
pub(crate) const SECRETS: &str = "SECRET#";
/// The counter of changes.
pub(crate) const SEQUENCE: &str = "SEQUENCE";
/// The shard's lease.
pub(crate) const LEASE: &str = "LEASE";
/// The lease of who stands by.
pub(crate) const STANDBY: &str = "STANDBY";

/// Digits of the largest `u64`: padded numbers sort as text.
const NUMBER_DIGITS: usize = 20;
/// Digits of the largest `u32`.
const CHANNEL_DIGITS: usize = 10;

/// The shard of a client and all its connections: the same in every process and version. What one client does reaches no publisher but this one.
#[must_use]
pub fn shard_of(client: Uuid) -> u32 {
    let spread = stable_hash(&client.to_string()).as_u128() % u128::from(SHARDS);
    // Smaller than SHARDS, so it fits.
    u32::try_from(spread).unwrap_or_default()
}

/// A hash for keys, of fixed length: equal texts have equal hashes. It keeps nothing secret.
pub(crate) fn stable_hash(text: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())
}

/// A full primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    /// An item in a shard's partition.
    pub(crate) fn in_shard(shard: u32, sk: impl Into<String>) -> Self {
        Self {
            pk: partition(shard),
            sk: sk.into(),
        }
    }

    /// What a client's connections and topics are counted in, or the connections of one of its users.
    pub(crate) fn count(client: Uuid, user: Option<Uuid>) -> Self {
        Self {
            pk: of_client(client),
            sk: user.map_or_else(|| "COUNT".to_owned(), |user| format!("COUNT#{user}")),
        }
    }

    pub(crate) fn session(client: Uuid, user: Uuid, session: Uuid) -> Self {
        Self {
            pk: of_client(client),
            sk: format!("{}{session}", sessions(user)),
        }
    }

    pub(crate) fn secret(client: Uuid, user: Uuid) -> Self {
        Self {
            pk: of_client(client),
            sk: format!("{SECRETS}{user}"),
        }
    }

    /// Attempts to sign in with an address: all, or those that come from one source.
    pub(crate) fn attempts(address: &str, source: Option<&str>) -> Self {
        Self {
            pk: attempts(address),
            sk: source.map_or_else(
                || "WINDOW".to_owned(),
                |source| format!("WINDOW#{}", stable_hash(source)),
            ),
        }
    }

    /// Attempts to sign in from one source, with whatever address.
    pub(crate) fn attempts_from(source: &str) -> Self {
        Self {
            pk: attempts_from(source),
            sk: "WINDOW".to_owned(),
        }
    }

    /// That somebody has signed in with an address from a source.
    pub(crate) fn known(address: &str, source: &str) -> Self {
        Self {
            pk: attempts(address),
            sk: format!("KNOWN#{}", stable_hash(source)),
        }
    }

    /// Mails with a secret that somebody has had sent to users of a client: all, or those to one address.
    pub(crate) fn mails(client: Uuid, by: &str, address: Option<&str>) -> Self {
        Self {
            pk: of_client(client),
            sk: address.map_or_else(
                || format!("MAILS#{by}"),
                |address| format!("MAILS#{by}#{}", stable_hash(address)),
            ),
        }
    }

    /// Passwords of whatever address that were asked to be reset from one source.
    pub(crate) fn resets_from(source: &str) -> Self {
        Self {
            pk: attempts_from(source),
            sk: "RESETS".to_owned(),
        }
    }

    pub(crate) fn limits(client: Uuid) -> Self {
        Self {
            pk: quotas(client),
            sk: "LIMITS".to_owned(),
        }
    }

    pub(crate) fn minute(client: Uuid, minute: i64) -> Self {
        Self {
            pk: quotas(client),
            sk: format!("MINUTE#{minute}"),
        }
    }

    pub(crate) fn topic_changes(client: Uuid, minute: i64) -> Self {
        Self {
            pk: quotas(client),
            sk: format!("CHANGES#{minute}"),
        }
    }

    /// Who does a duty for a shard. It has a partition of its own: a lease that can't be renewed, because others write to the shard's, would be lost.
    pub(crate) fn duty(shard: u32, duty: &str) -> Self {
        Self {
            pk: format!("DUTY#{shard}"),
            sk: duty.to_owned(),
        }
    }

    pub(crate) fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    pub(crate) fn sk(&self) -> AttributeValue {
        AttributeValue::S(self.sk.clone())
    }
}

/// The partition of a client's counts, and of the sessions and secrets of its users.
pub(crate) fn of_client(client: Uuid) -> String {
    format!("CLIENT#{client}")
}

/// The partition of attempts to sign in with an address, of which no item says what it is.
pub(crate) fn attempts(address: &str) -> String {
    format!("ATTEMPTS#{}", stable_hash(address))
}

/// The partition of what came from one source. No address is like it: those have an @ and no space.
fn attempts_from(source: &str) -> String {
    format!("ATTEMPTS#{}", stable_hash(&format!("from {source}")))
}

/// What all sessions of a user begin with.
pub(crate) fn sessions(user: Uuid) -> String {
    format!("SESSION#{user}#")
}

/// The partition of a client's quotas.
fn quotas(client: Uuid) -> String {
    format!("QUOTA#{client}")
}

/// The partitions that are one client's alone.
pub(crate) fn partitions_of(client: Uuid) -> [String; 2] {
    [of_client(client), quotas(client)]
}

/// The partition of a shard.
pub(crate) fn partition(shard: u32) -> String {
    format!("SHARD#{shard}")
}

pub(crate) fn card(connection: &str) -> String {
    format!("{CONNECTIONS}{connection}{CARD}")
}

/// What all subscriptions of a connection begin with.
pub(crate) fn topics(connection: &str) -> String {
    format!("{CONNECTIONS}{connection}#TOPICS#")
}

pub(crate) fn topics_from(connection: &str, first_channel: u32) -> String {
    format!("{}{first_channel:0CHANNEL_DIGITS$}", topics(connection))
}

/// The connection's id in the sort key of its card or of its topics.
pub(crate) fn connection_in(sk: &str) -> Option<&str> {
    sk.strip_prefix(CONNECTIONS)?.split('#').next()
}

pub(crate) fn change(number: u64) -> String {
    format!("CHANGE#{number:0NUMBER_DIGITS$}")
}

/// The number in the sort key of a change.
pub(crate) fn change_number(sk: &str) -> Option<u64> {
    sk.strip_prefix("CHANGE#")?.parse().ok()
}

/// What all controls of a client begin with.
pub(crate) fn controls(client: Uuid) -> String {
    format!("{CONTROLS}{client}#")
}

/// A sort key holds 1,024 bytes: 45 of prefix and a topic's id of at most 900.
pub(crate) fn control(client: Uuid, topic: &str) -> String {
    format!("{}{topic}", controls(client))
}

/// What all parts of one handover begin with.
pub(crate) fn handover(id: Uuid) -> String {
    format!("HANDOVER#{id}#")
}

pub(crate) fn handover_part(id: Uuid, part: usize) -> String {
    format!("{}{part:04}", handover(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_text() {
        let numbers = [0, 1, 9, 10, 99, 100, u64::from(u32::MAX), u64::MAX];
        let keys: Vec<String> = numbers.iter().map(|number| change(*number)).collect();
        assert!(keys.is_sorted());
        for (number, key) in numbers.iter().zip(&keys) {
            assert_eq!(change_number(key), Some(*number));
        }
        assert!(topics_from("c", 9) < topics_from("c", 10));
    }

    #[test]
    fn a_card_sorts_before_its_topics_and_both_name_the_connection() {
        assert!(card("a+/=") < topics_from("a+/=", 1));
        assert_eq!(connection_in(&card("a+/=")), Some("a+/="));
        assert_eq!(connection_in(&topics_from("a+/=", 1)), Some("a+/="));
        assert_eq!(connection_in(SEQUENCE), None);
    }

    #[test]
    fn hashes_never_change() {
        // Items outlive deployments: another hash would lose them.
        assert_eq!(stable_hash("topic").to_string(), "2aaa93de-520a-5c97-9ce6-9a8c7c0f9fc0");
        let shards: std::collections::BTreeSet<u32> =
            (0..100).map(|client| shard_of(Uuid::from_u128(client))).collect();
        assert!(shards.into_iter().eq(0..SHARDS), "each has some of a hundred clients");
    }
}
