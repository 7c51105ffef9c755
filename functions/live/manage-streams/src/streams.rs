//! Streams as the API shows them, made of what the registry knows.

use std::collections::BTreeMap;

use api::live::{Stream, StreamControl, StreamRequest, Streams};
use live::{
    Control, FilterValue, Mode, Refusal, RefusalKind, Subscribe, Subscription, Topic, TopicError, TopicRequest,
};
use platform::Problem;
use platform::problem::Issue;
use registry::Subscribers;
use uuid::Uuid;

/// What an administrator asks of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Compute it: go on with a paused one, pin any other.
    Start,
    /// Do not compute it: let go of a pinned one, pause any other.
    Stop,
    /// Compute it while somebody watches.
    Clear,
}

impl Order {
    /// What holds after it. From pinned to paused and back it takes two orders: the first one undoes what holds.
    pub(crate) fn applied(self, before: Option<Control>) -> Option<Control> {
        match (self, before) {
            (Order::Start, None | Some(Control::Pinned)) => Some(Control::Pinned),
            (Order::Stop, None | Some(Control::Paused)) => Some(Control::Paused),
            (Order::Start, Some(Control::Paused)) | (Order::Stop, Some(Control::Pinned)) | (Order::Clear, _) => None,
        }
    }
}

/// Topics of one answer: as many as two connections may have; at most 6 KB each while they are counted, 6 MB.
pub(crate) const MAX_PAGE: usize = 1_000;

/// What is watched, pinned or paused, by topic id, from the first that follows `after`; `watched` are one more than a page of those that are.
pub(crate) fn page(
    watched: BTreeMap<String, Subscribers>,
    controls: &BTreeMap<String, Control>,
    after: &str,
) -> Result<Streams, TopicError> {
    let mut streams: BTreeMap<String, Stream> = BTreeMap::new();
    for (id, control) in controls.iter().filter(|(id, _)| id.as_str() > after) {
        streams.insert(id.clone(), stream(id.parse()?, 0, Some(*control)));
    }
    for (id, Subscribers { topic, connections }) in watched {
        streams.entry(id).or_insert_with(|| stream(topic, 0, None)).subscribers = connections;
    }
    let is_more = streams.len() > MAX_PAGE;
    let streams: Vec<Stream> = streams.into_values().take(MAX_PAGE).collect();
    let last = streams.last().filter(|_| is_more);
    Ok(Streams {
        next_after: last.map(|stream| stream.topic.clone()),
        streams,
    })
}

/// One stream.
pub(crate) fn stream(topic: Topic, subscribers: usize, control: Option<Control>) -> Stream {
    Stream {
        topic: topic.id(),
        kpi: topic.kpi,
        period: topic.period,
        time_zone: topic.time_zone,
        filter: topic
            .filter
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().collect()))
            .collect(),
        subscribers,
        control: control.map(shown),
    }
}

fn shown(control: Control) -> StreamControl {
    match control {
        Control::Pinned => StreamControl::Pinned,
        Control::Paused => StreamControl::Paused,
    }
}

/// What is asked for as a subscription, so that the same limits hold and the topic gets the same id.
pub(crate) fn subscription(client: Uuid, request: StreamRequest) -> Result<Subscription, Refusal> {
    let filter = request
        .filter
        .into_iter()
        .map(|(name, values)| (name, FilterValue::Many(values)))
        .collect();
    let topic = TopicRequest {
        kpi: request.kpi,
        period: request.period,
        time_zone: request.time_zone,
        filter,
        mode: Mode::Live,
        buckets: 1,
    };
    let mut subscriptions = Subscribe {
        id: None,
        topics: vec![topic],
        resume: None,
    }
    .subscriptions(client)?;
    subscriptions
        .pop()
        .ok_or_else(|| Refusal::new(RefusalKind::InvalidField, "the request makes no topic"))
}

/// A refusal of the live protocol as a problem; the request's body is the only topic of its message.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    let pointer = refusal.pointer.unwrap_or_default();
    let pointer = pointer.strip_prefix("/topics/0").unwrap_or(&pointer).to_owned();
    let problem = Problem::invalid(refusal.detail.clone());
    let problem = match &refusal.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    };
    problem.issues(vec![Issue {
        pointer,
        detail: refusal.detail,
        hint: refusal.hint,
        span: None,
    }])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use catalog::Period;

    use super::*;

    const CLIENT: Uuid = Uuid::from_u128(0xC);

    fn request(kpi: &str, filter: &[(&str, &[&str])]) -> StreamRequest {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        StreamRequest {
            kpi: kpi.to_owned(),
            period: Period::Minute,
            time_zone: None,
            filter: filter
                .iter()
                .map(|(name, list)| ((*name).to_owned(), values(list)))
                .collect(),
        }
    }

    fn topic(kpi: &str) -> Topic {
        subscription(CLIENT, request(kpi, &[])).unwrap().topic
    }

    #[test]
    fn watched_and_controlled_topics_are_one_list() {
        let watched = [("A", 2), ("B", 1)].map(|(kpi, connections)| {
            (
                topic(kpi).id(),
                Subscribers {
                    topic: topic(kpi),
                    connections,
                },
            )
        });
        let controls =
            [("B", Control::Paused), ("C", Control::Pinned)].map(|(kpi, control)| (topic(kpi).id(), control));
        let Streams { streams, next_after } = page(watched.into(), &controls.into(), "").unwrap();
        assert_eq!(next_after, None);
        let seen: Vec<_> = streams
            .iter()
            .map(|stream| (stream.kpi.as_str(), stream.subscribers, stream.control))
            .collect();
        assert_eq!(
            seen,
            [
                ("A", 2, None),
                ("B", 1, Some(StreamControl::Paused)),
                ("C", 0, Some(StreamControl::Pinned))
            ]
        );
        assert!(streams.iter().all(|stream| stream.topic.parse::<Topic>().is_ok()));
    }

    #[test]
    fn pages_follow_each_other_and_leave_nothing_out() {
        let watched = (0..MAX_PAGE + 7).map(|kpi| {
            let topic = topic(&format!("K{kpi:04}"));
            (topic.id(), Subscribers { topic, connections: 1 })
        });
        let watched: BTreeMap<_, _> = watched.collect();
        let controls = [(topic("A").id(), Control::Pinned), (topic("Z").id(), Control::Paused)].into();
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let next = watched.range(after.clone()..).filter(|(id, _)| **id > after);
            let next = next
                .take(MAX_PAGE + 1)
                .map(|(id, counted)| (id.clone(), counted.clone()));
            let page = page(next.collect(), &controls, &after).unwrap();
            seen.extend(page.streams.into_iter().map(|stream| stream.topic));
            match page.next_after {
                Some(next) => after = next,
                None => break,
            }
        }
        assert!(
            seen.is_sorted() && seen.len() == watched.len() + 2,
            "{} topics",
            seen.len()
        );
    }

    #[test]
    fn start_and_stop_undo_each_other_and_clear_undoes_both() {
        use Order::{Clear, Start, Stop};
        let cases: [(&[Order], Option<Control>); 8] = [
            (&[Start], Some(Control::Pinned)),
            (&[Stop], Some(Control::Paused)),
            (&[Start, Start], Some(Control::Pinned)),
            (&[Stop, Stop], Some(Control::Paused)),
            (&[Stop, Start], None),
            (&[Start, Stop], None),
            (&[Start, Clear], None),
            (&[Stop, Clear, Clear], None),
        ];
        for (orders, expected) in cases {
            let after = orders.iter().fold(None, |control, order| order.applied(control));
            assert_eq!(after, expected, "{orders:?}");
        }
    }

    #[test]
    fn equal_requests_are_one_topic() {
        let one = subscription(CLIENT, request("A", &[("origin", &["ORD", "LAX"])])).unwrap();
        let other = subscription(CLIENT, request("A", &[("origin", &["LAX", "ORD", "LAX"])])).unwrap();
        assert_eq!(one.topic.id(), other.topic.id());
    }

    #[test]
    fn problems_point_into_the_body() {
        let cases: [(StreamRequest, &str); 2] = [
            (request("a kpi", &[]), "/kpi"),
            (request("A", &[("origin", &[])]), "/filter/origin"),
        ];
        for (request, pointer) in cases {
            let problem = refused(subscription(CLIENT, request).unwrap_err());
            assert_eq!((problem.status, problem.issues[0].pointer.as_str()), (422, pointer));
        }
    }
}
