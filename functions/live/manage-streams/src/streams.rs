//! Streams as the API shows them, made of what the registry knows.

use std::collections::BTreeMap;

use api::live::{Stream, StreamControl, StreamRequest};
use catalog::{Period, UnknownZone};
use live::{Control, FilterValue, Mode, Refusal, RefusalKind, Subscribe, Subscription, Topic, TopicRequest};
use platform::Problem;
use platform::list::List;
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

/// Which streams are listed.
pub(crate) struct Wanted<'a> {
    kpi: Option<&'a str>,
    period: Option<Period>,
    control: Option<&'a str>,
    controls: &'a BTreeMap<String, Control>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(list: &'a List, controls: &'a BTreeMap<String, Control>) -> Result<Self, Problem> {
        Ok(Self {
            kpi: list.text("kpi"),
            period: list.parsed("period")?,
            control: list.text("control"),
            controls,
        })
    }

    /// Whether a topic is listed, which has this id.
    pub(crate) fn has(&self, id: &str, topic: &Topic) -> bool {
        self.kpi.is_none_or(|kpi| topic.kpi == kpi)
            && self.period.is_none_or(|period| topic.period == period)
            && self
                .control
                .is_none_or(|control| self.controls.get(id).map(|held| held.name()) == Some(control))
    }
}

/// What is wanted of what is watched, pinned or paused, by topic id, from the first that follows `after`.
pub(crate) fn merged(
    watched: BTreeMap<String, Subscribers>,
    controls: &BTreeMap<String, Control>,
    after: &str,
    wanted: &Wanted<'_>,
) -> BTreeMap<String, Stream> {
    let mut streams: BTreeMap<String, Stream> = BTreeMap::new();
    for (id, control) in controls.iter().filter(|(id, _)| id.as_str() > after) {
        let topic: Topic = match id.parse() {
            Ok(topic) => topic,
            // It was one when it was pinned or paused, of a time zone that the database of zones has dropped since: nobody can watch it.
            Err(error) => {
                tracing::warn!(topic = %id, cause = %error, "a control of what is no topic");
                continue;
            }
        };
        if wanted.has(id, &topic) {
            streams.insert(id.clone(), stream(topic, 0, Some(*control)));
        }
    }
    for (id, Subscribers { topic, connections }) in watched {
        streams.entry(id).or_insert_with(|| stream(topic, 0, None)).subscribers = connections;
    }
    streams
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
    let zone = request.time_zone.as_deref().map(str::parse).transpose();
    let time_zone = zone.map_err(|unknown: UnknownZone| {
        let refusal = Refusal::new(
            RefusalKind::InvalidField,
            format!("{:?} is no IANA time zone", unknown.0),
        );
        refusal.at("/topics/0/time_zone").hint(unknown.hint())
    })?;
    let topic = TopicRequest {
        kpi: request.kpi,
        period: request.period,
        time_zone,
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
        let controls = controls.into();
        let wanted = |kpi, control| Wanted {
            kpi,
            period: None,
            control,
            controls: &controls,
        };
        let all = merged(watched.clone().into(), &controls, "", &wanted(None, None));
        let streams: Vec<Stream> = all.into_values().collect();
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
        let after = merged(BTreeMap::new(), &controls, &topic("B").id(), &wanted(None, None));
        assert_eq!(after.into_keys().collect::<Vec<_>>(), [topic("C").id()]);
        for (kpi, control, expected) in [
            (Some("C"), None, "C"),
            (None, Some("paused"), "B"),
            (Some("B"), Some("paused"), "B"),
        ] {
            let found = merged(BTreeMap::new(), &controls, "", &wanted(kpi, control));
            assert_eq!(
                found.into_keys().collect::<Vec<_>>(),
                [topic(expected).id()],
                "{kpi:?} {control:?}"
            );
        }
        // One that nothing reads any more hides no other.
        let controls = BTreeMap::from([("?".to_owned(), Control::Paused), (topic("C").id(), Control::Pinned)]);
        let left = merged(BTreeMap::new(), &controls, "", &wanted(None, None));
        assert_eq!(left.into_keys().collect::<Vec<_>>(), [topic("C").id()]);
        let (id, a) = (topic("A").id(), topic("A"));
        assert!(wanted(Some("A"), None).has(&id, &a) && !wanted(None, Some("pinned")).has(&id, &a));
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
