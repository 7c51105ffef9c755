//! What can be subscribed to, and a subscription to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use catalog::{Period, UnknownPeriod, UnknownZone, Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Client x KPI x period (and its time zone) x dimension filter. Two topics that ask the same are equal: names and values are sorted and unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Topic {
    /// The tenant. It comes from the connection's token, never from a message.
    pub client: Uuid,
    /// Code of the KPI.
    pub kpi: String,
    /// Length of a bucket.
    pub period: Period,
    /// The time zone by whose clocks and calendar buckets begin, where it is not the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Zone>,
    /// For each dimension the values that count; empty means all facts.
    pub filter: BTreeMap<String, BTreeSet<String>>,
}

/// When rows of a topic are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// With every change, the open bucket included.
    #[default]
    Live,
    /// Once a bucket is closed, and when a closed one is corrected.
    Closed,
}

/// One topic on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its number on the connection; never used twice there.
    pub channel: u32,
    /// What is watched.
    pub topic: Topic,
    /// When rows are sent.
    pub mode: Mode,
    /// Buckets that the snapshot shows, 1 to [`MAX_BUCKETS`](crate::MAX_BUCKETS).
    pub buckets: u16,
}

/// Why a text is not the id of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not of the form `client/KPI/period@zone?name=value,value&name=value`.
    #[error("topic id {0:?} is not client/KPI/period@zone?name=value,value")]
    Form(String),
    /// The client is not a UUID.
    #[error("client {0:?} of the topic id is not a UUID")]
    Client(String),
    /// There is no such period.
    #[error("topic id: {0}")]
    Period(#[from] UnknownPeriod),
    /// There is no such time zone.
    #[error("topic id: {0}")]
    Zone(#[from] UnknownZone),
    /// It can be read as a topic, but that topic's id is written differently; ids are compared as text.
    #[error("topic id {0:?} is not in its canonical form {1:?}")]
    NotCanonical(String, String),
}

impl Topic {
    /// The stable text of a topic: `client/KPI/period?origin=LAX,ORD`, names and values sorted, what would be ambiguous as `%XX`. A time zone follows the period,
    /// as in `client/KPI/day@Asia%2FTokyo`.
    /// Equal topics have equal ids, and [`Topic::from_str`] reads them back.
    #[must_use]
    pub fn id(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.client, Escaped(&self.kpi), self.period)?;
        if let Some(zone) = &self.time_zone {
            write!(out, "@{}", Escaped(zone.name()))?;
        }
        for (index, (name, values)) in self.filter.iter().enumerate() {
            write!(out, "{}{}", if index == 0 { '?' } else { '&' }, Escaped(name))?;
            // A name without "=" is an empty set (which matches nothing): "=" alone is the set of the empty text.
            for (position, value) in values.iter().enumerate() {
                write!(out, "{}{}", if position == 0 { '=' } else { ',' }, Escaped(value))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Topic, TopicError> {
        let form = || TopicError::Form(text.to_owned());
        let (path, query) = text
            .split_once('?')
            .map_or((text, None), |(path, query)| (path, Some(query)));
        let mut path = path.split('/');
        let (Some(client), Some(kpi), Some(period), None) = (path.next(), path.next(), path.next(), path.next()) else {
            return Err(form());
        };
        let (period, zone) = period
            .split_once('@')
            .map_or((period, None), |(period, zone)| (period, Some(zone)));
        let zone = zone.map(|zone| unescape(zone).ok_or_else(form)).transpose()?;
        let mut filter = BTreeMap::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, values) = pair
                .split_once('=')
                .map_or((pair, None), |(name, values)| (name, Some(values)));
            let values = values
                .into_iter()
                .flat_map(|values| values.split(','))
                .map(|value| unescape(value).ok_or_else(form));
            filter.insert(unescape(name).ok_or_else(form)?, values.collect::<Result<_, _>>()?);
        }
        let topic = Topic {
            client: Uuid::parse_str(client).map_err(|_| TopicError::Client(client.to_owned()))?,
            kpi: unescape(kpi).ok_or_else(form)?,
            period: period.parse()?,
            time_zone: zone.map(|zone| zone.parse()).transpose()?,
            filter,
        };
        let id = topic.id();
        if id == text {
            Ok(topic)
        } else {
            Err(TopicError::NotCanonical(text.to_owned(), id))
        }
    }
}

/// Writes a part of an id with its delimiters, spaces and control characters as `%XX`.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for character in self.0.chars() {
            match character {
                '%' | ',' | '&' | '=' | '?' | '/' | '#' | ' ' | '\0'..='\x1f' | '\x7f' => {
                    write!(out, "%{:02X}", u32::from(character))?
                }
                _ => out.write_char(character)?,
            }
        }
        Ok(())
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut plain = pieces.next()?.to_owned();
    for piece in pieces {
        let code = u8::from_str_radix(piece.get(..2)?, 16).ok().filter(u8::is_ascii)?;
        plain.push(char::from(code));
        plain.push_str(&piece[2..]);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// Dimensions with their values.
    type Filter<'a> = &'a [(&'a str, &'a [&'a str])];

    const CLIENT: &str = "6f1c2a52-0c55-4d5e-9a53-0f9d6b0c7a11";

    fn topic(filter: Filter<'_>) -> Topic {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Topic {
            client: Uuid::parse_str(CLIENT).unwrap(),
            kpi: "ON_TIME".into(),
            period: Period::Minute,
            time_zone: None,
            filter: filter
                .iter()
                .map(|(name, list)| ((*name).to_owned(), values(list)))
                .collect(),
        }
    }

    #[test]
    fn ids_are_stable() {
        let cases: [(Filter<'_>, &str); 5] = [
            (&[], "ON_TIME/minute"),
            (&[("origin", &["ORD", "LAX"])], "ON_TIME/minute?origin=LAX,ORD"),
            (
                &[("origin", &["ORD"]), ("destination", &["JFK"])],
                "ON_TIME/minute?destination=JFK&origin=ORD",
            ),
            (
                &[("name", &["a,b&c=d/e?f%g h", "é"])],
                "ON_TIME/minute?name=a%2Cb%26c%3Dd%2Fe%3Ff%25g%20h,é",
            ),
            (&[("empty", &[]), ("text", &[""])], "ON_TIME/minute?empty&text="),
        ];
        for (filter, expected) in cases {
            let topic = topic(filter);
            assert_eq!(topic.id(), format!("{CLIENT}/{expected}"));
            assert_eq!(topic.id().parse::<Topic>().unwrap(), topic);
        }
    }

    #[test]
    fn a_time_zone_is_a_part_of_the_id() {
        let tokyo = Topic {
            period: Period::Day,
            time_zone: Some("asia/tokyo".parse().unwrap()),
            ..topic(&[("origin", &["ORD"])])
        };
        assert_eq!(tokyo.id(), format!("{CLIENT}/ON_TIME/day@Asia%2FTokyo?origin=ORD"));
        assert_eq!(tokyo.id().parse::<Topic>().unwrap(), tokyo);
        let plain = serde_json::to_value(topic(&[])).unwrap();
        assert!(plain.get("time_zone").is_none(), "as items of before have it: {plain}");
        assert_eq!(serde_json::from_value::<Topic>(plain).unwrap(), topic(&[]));
    }

    #[test]
    fn other_texts_are_refused() {
        let form = |tail: &str| format!("{CLIENT}/{tail}");
        for text in [
            String::new(),
            form("A"),
            form("A/minute/more"),
            form("A/second"),
            form("A/minute@"),
            form("A/minute@Mars%2FOlympus"),
            form("A/minute@asia%2Ftokyo"),
            form("A/minute@Asia%2FTokyo@UTC"),
            "x/A/minute".into(),
            form("A/minute?o=%zz"),
            form("A/minute?o=%e9"),
            form("A/minute?o=B,A"),
            form("A/minute?b=1&a=1"),
            form("A/minute?o=A,A"),
            format!("{}/A/minute", CLIENT.to_uppercase()),
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_topic_is_read_back(
            kpi in ".{0,8}",
            filter in proptest::collection::btree_map(".{0,6}", proptest::collection::btree_set(".{0,6}", 0..4), 0..4),
        ) {
            let topic = Topic { kpi, filter, ..topic(&[]) };
            prop_assert_eq!(topic.id().parse::<Topic>().unwrap(), topic);
        }

        #[test]
        fn no_text_panics(text in ".{0,60}", tail in "[a-z=&,%?/0-9]{0,20}") {
            let _ = text.parse::<Topic>();
            let _ = format!("{CLIENT}/A/minute?{tail}").parse::<Topic>();
        }
    }
}
