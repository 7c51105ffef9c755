//! A `subscribe` checked against the limits. Whether the KPI and its dimensions exist is checked by
//! [`check_existence`](crate::check_existence), which needs the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::limits::*;
use crate::message::{escaped, shortened};
use crate::{FilterValue, Refusal, RefusalKind, Subscribe, Subscription, Topic, TopicRequest};

impl Subscribe {
    /// The subscriptions that the message asks for, for the client of the connection. The channels are zero: the
    /// registry numbers them.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn subscriptions(&self, client: Uuid) -> Result<Vec<Subscription>, Refusal> {
        self.checked_subscriptions(client)
            .map_err(|refusal| refusal.answering(self.id.clone()))
    }

    fn checked_subscriptions(&self, client: Uuid) -> Result<Vec<Subscription>, Refusal> {
        if self.topics.is_empty() {
            return Err(invalid("/topics", "topics is empty").hint("name at least one topic"));
        }
        if self.topics.len() > MAX_TOPICS_PER_MESSAGE {
            let detail = format!(
                "{} topics in one message, at most {MAX_TOPICS_PER_MESSAGE}",
                self.topics.len()
            );
            return Err(exceeded("/topics", detail).hint("send the rest in further messages"));
        }
        let topics = self.topics.iter().enumerate();
        let subscriptions: Vec<_> = topics
            .map(|(index, topic)| topic.subscription(client, index))
            .collect::<Result<_, _>>()?;
        let rows: usize = subscriptions
            .iter()
            .map(|subscription| usize::from(subscription.buckets))
            .sum();
        if rows > MAX_ROWS_PER_CONNECTION {
            let detail = format!("the topics ask for {rows} buckets together, at most {MAX_ROWS_PER_CONNECTION}");
            return Err(
                exceeded("/topics", detail).hint("ask for fewer buckets; longer history is fetched, not pushed")
            );
        }
        Ok(subscriptions)
    }
}

impl TopicRequest {
    fn subscription(&self, client: Uuid, index: usize) -> Result<Subscription, Refusal> {
        let place = format!("/topics/{index}");
        if !is_code(&self.kpi) {
            let detail = format!("kpi {:?} is not the code of a KPI", shortened(&self.kpi));
            return Err(invalid(&format!("{place}/kpi"), detail)
                .hint("a code has capitals, digits and _, such as ON_TIME_RATE"));
        }
        let buckets = u16::try_from(self.buckets)
            .ok()
            .filter(|buckets| (1..=MAX_BUCKETS).contains(buckets))
            .ok_or_else(|| {
                let detail = format!("buckets {} is not within 1 and {MAX_BUCKETS}", self.buckets);
                invalid(&format!("{place}/buckets"), detail).hint("longer history is fetched, not pushed")
            })?;
        let topic = Topic {
            client,
            kpi: self.kpi.clone(),
            period: self.period,
            time_zone: self.time_zone.clone(),
            filter: filter(&self.filter, &place)?,
        };
        let length = topic.id().len();
        if length > MAX_TOPIC_ID_BYTES {
            let detail = format!("the filter makes an id of {length} bytes, at most {MAX_TOPIC_ID_BYTES}");
            return Err(exceeded(&format!("{place}/filter"), detail).hint("name fewer or shorter values"));
        }
        Ok(Subscription {
            channel: 0,
            topic,
            mode: self.mode,
            buckets,
        })
    }
}

fn filter(asked: &BTreeMap<String, FilterValue>, place: &str) -> Result<BTreeMap<String, BTreeSet<String>>, Refusal> {
    if asked.len() > MAX_FILTERS {
        return Err(exceeded(
            &format!("{place}/filter"),
            format!("a filter by {} dimensions, at most {MAX_FILTERS}", asked.len()),
        ));
    }
    let values: usize = asked.values().map(|values| values.values().len()).sum();
    if values > MAX_TOPIC_VALUES {
        return Err(exceeded(
            &format!("{place}/filter"),
            format!("a filter of {values} values, at most {MAX_TOPIC_VALUES} in all dimensions together"),
        )
        .hint("subscribe to several topics of fewer values"));
    }
    let mut filter = BTreeMap::new();
    for (name, values) in asked {
        let place = format!("{place}/filter/{}", escaped(name));
        let values = values.values();
        if !name.split('.').all(is_name) || name.split('.').count() > formula::MAX_PATH_STEPS + 1 {
            return Err(invalid(
                &place,
                format!("{:?} is not the name of a dimension", shortened(name)),
            ));
        }
        if values.is_empty() {
            return Err(invalid(&place, format!("the filter on {name} has no value"))
                .hint("leave the dimension out to count all facts"));
        }
        if let Some(long) = values.iter().find(|value| value.len() > MAX_FILTER_VALUE_BYTES) {
            let detail = format!(
                "a value for {name} has {} bytes, at most {MAX_FILTER_VALUE_BYTES}",
                long.len()
            );
            return Err(exceeded(&place, detail));
        }
        filter.insert(name.clone(), values.iter().cloned().collect());
    }
    Ok(filter)
}

/// `[A-Z][A-Z0-9_]{0,63}`, as the catalogue has it.
fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `[a-z][a-z0-9_]{0,39}`, as the catalogue has it.
fn is_name(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::InvalidField, detail).at(pointer)
}

fn exceeded(pointer: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::LimitExceeded, detail).at(pointer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use catalog::Period;

    use super::*;
    use crate::Mode;

    fn request(kpi: &str, buckets: u32, filter: &[(&str, &[&str])]) -> TopicRequest {
        let many = |values: &[&str]| FilterValue::Many(values.iter().map(|value| (*value).to_owned()).collect());
        let filter = filter
            .iter()
            .map(|(name, values)| ((*name).to_owned(), many(values)))
            .collect();
        TopicRequest {
            kpi: kpi.into(),
            period: Period::Minute,
            time_zone: None,
            filter,
            mode: Mode::Live,
            buckets,
        }
    }

    fn subscribe(topics: Vec<TopicRequest>) -> Result<Vec<Subscription>, Refusal> {
        Subscribe {
            id: Some("1".into()),
            topics,
            resume: None,
        }
        .subscriptions(Uuid::nil())
    }

    #[test]
    fn equal_questions_are_one_topic() {
        let asked = vec![
            request("A", 2, &[("origin", &["ORD", "LAX", "ORD"])]),
            request("A", 9, &[("origin", &["LAX", "ORD"])]),
        ];
        let subscriptions = subscribe(asked).unwrap();
        assert_eq!(subscriptions[0].topic, subscriptions[1].topic);
        assert_eq!(subscriptions[0].buckets, 2);
    }

    #[test]
    fn limits_hold() {
        use RefusalKind::*;
        let many: Vec<String> = (0..51).map(|index| index.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let long = "x".repeat(201);
        let wide: Vec<String> = (0..10).map(|index| format!("{index}{}", "x".repeat(100))).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let five: [(&str, &[&str]); 5] = [
            ("a", &["1"]),
            ("b", &["1"]),
            ("c", &["1"]),
            ("d", &["1"]),
            ("e", &["1"]),
        ];
        let cases = [
            (vec![], InvalidField, "/topics"),
            (vec![request("A", 1, &[]); 201], LimitExceeded, "/topics"),
            (vec![request("A", 1_440, &[]); 7], LimitExceeded, "/topics"),
            (
                vec![request("A", 1, &[]), request("a", 1, &[])],
                InvalidField,
                "/topics/1/kpi",
            ),
            (vec![request("", 1, &[])], InvalidField, "/topics/0/kpi"),
            (vec![request("A", 0, &[])], InvalidField, "/topics/0/buckets"),
            (vec![request("A", 1_441, &[])], InvalidField, "/topics/0/buckets"),
            (vec![request("A", 70_000, &[])], InvalidField, "/topics/0/buckets"),
            (vec![request("A", 1, &five)], LimitExceeded, "/topics/0/filter"),
            (
                vec![request("A", 1, &[("Or/igin", &["x"])])],
                InvalidField,
                "/topics/0/filter/Or~1igin",
            ),
            (
                vec![request("A", 1, &[("origin", &[])])],
                InvalidField,
                "/topics/0/filter/origin",
            ),
            (
                vec![request("A", 1, &[("origin", &many)])],
                LimitExceeded,
                "/topics/0/filter",
            ),
            (
                vec![request("A", 1, &[("origin", &many[..26]), ("carrier", &many[..25])])],
                LimitExceeded,
                "/topics/0/filter",
            ),
            (
                vec![request("A", 1, &[("origin", &[&long])])],
                LimitExceeded,
                "/topics/0/filter/origin",
            ),
            (
                vec![request("A", 1, &[("origin", &wide)])],
                LimitExceeded,
                "/topics/0/filter",
            ),
        ];
        for (topics, kind, pointer) in cases {
            let refusal = subscribe(topics).unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.pointer.as_deref(), refusal.id.as_deref()),
                (kind, Some(pointer), Some("1")),
                "{refusal}"
            );
        }
        assert_eq!(subscribe(vec![request("A", 50, &[]); 200]).unwrap().len(), 200);
    }
}
