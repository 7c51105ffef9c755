//! What a handshake asks for: a subprotocol and, in the query string, a topic to subscribe to at once.
//!
//! The authorizer, not this function, reads `?token=...`.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use catalog::{Period, UnknownPeriod, UnknownZone, Zone};
use live::{Mode, Refusal, Subscribe, TopicRequest};
use platform::Problem;

/// The only version of the live protocol so far.
pub(crate) const SUBPROTOCOL: &str = "analytics-engine.v1";

const SUBPROTOCOL_HEADER: &str = "sec-websocket-protocol";

const EXAMPLE: &str = "such as ?kpi=ON_TIME_RATE&period=minute";

/// A handshake that can be served, as far as can be told without the catalogue.
#[derive(Debug, PartialEq)]
pub(crate) struct Handshake {
    /// What to answer; a client that offers none is served in the same protocol.
    pub(crate) protocol: Option<&'static str>,
    /// What to subscribe to at once.
    pub(crate) subscribe: Option<Subscribe>,
}

impl Handshake {
    pub(crate) fn read(request: &ApiGatewayWebsocketProxyRequest) -> Result<Self, Problem> {
        Ok(Self {
            protocol: protocol(&offers(request))?,
            subscribe: subscribe(request.query_string_parameters.iter())?,
        })
    }
}

/// The subprotocols that the client offers: one header with a list, or several headers.
fn offers(request: &ApiGatewayWebsocketProxyRequest) -> Vec<&str> {
    let has_many = request.multi_value_headers.contains_key(SUBPROTOCOL_HEADER);
    let headers = if has_many {
        &request.multi_value_headers
    } else {
        &request.headers
    };
    let values = headers
        .get_all(SUBPROTOCOL_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|offer| !offer.is_empty())
        .collect()
}

fn protocol(offers: &[&str]) -> Result<Option<&'static str>, Problem> {
    if offers.is_empty() {
        return Ok(None);
    }
    if offers.contains(&SUBPROTOCOL) {
        return Ok(Some(SUBPROTOCOL));
    }
    Err(Problem::malformed(format!(
        "none of the offered subprotocols is spoken here: {}",
        offers.join(", ")
    ))
    .hint(format!("offer {SUBPROTOCOL}, or none")))
}

/// The topic in the query string. A parameter that is not known is refused: misspelt, it would silently ask for something else.
fn subscribe<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Option<Subscribe>, Problem> {
    let mut asked: BTreeMap<&str, &str> = pairs.collect();
    asked.remove("token");
    if asked.contains_key("dashboard") {
        return Err(Problem::malformed("dashboards are not available yet").hint(EXAMPLE));
    }
    if asked.is_empty() {
        return Ok(None);
    }
    let (kpi, period) = (asked.remove("kpi"), asked.remove("period"));
    let (mode, buckets, zone) = (asked.remove("mode"), asked.remove("buckets"), asked.remove("time_zone"));
    if let Some(name) = asked.keys().next() {
        return Err(Problem::malformed(format!("there is no query parameter {name:?}"))
            .hint("the parameters are token, kpi, period, time_zone, mode and buckets; filters go into a subscribe message"));
    }
    let missing = |name: &str| Problem::malformed(format!("the query parameter {name:?} is missing")).hint(EXAMPLE);
    let topic = TopicRequest {
        kpi: kpi.ok_or_else(|| missing("kpi"))?.to_owned(),
        period: read_period(period.ok_or_else(|| missing("period"))?)?,
        time_zone: zone.map(read_zone).transpose()?,
        filter: BTreeMap::new(),
        mode: mode.map(read_mode).transpose()?.unwrap_or_default(),
        buckets: buckets.map(read_buckets).transpose()?.unwrap_or(1),
    };
    Ok(Some(Subscribe {
        id: None,
        topics: vec![topic],
        resume: None,
    }))
}

fn read_period(name: &str) -> Result<Period, Problem> {
    name.parse().map_err(|unknown: UnknownPeriod| {
        let problem = Problem::malformed(unknown.to_string());
        match unknown.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })
}

fn read_zone(name: &str) -> Result<Zone, Problem> {
    name.parse()
        .map_err(|unknown: UnknownZone| Problem::malformed(unknown.to_string()).hint(unknown.hint()))
}

fn read_mode(name: &str) -> Result<Mode, Problem> {
    match name {
        "live" => Ok(Mode::Live),
        "closed" => Ok(Mode::Closed),
        _ => Err(Problem::malformed(format!("the mode {name:?} is not live or closed"))),
    }
}

fn read_buckets(text: &str) -> Result<u32, Problem> {
    text.parse()
        .map_err(|_| Problem::malformed(format!("buckets {text:?} is not a whole number")))
}

/// A topic that can't be served, as the reason why the handshake fails.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    let problem = Problem::malformed(refusal.detail);
    match refusal.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    const CONNECT: &str = include_str!("../../../../events/live/manage-connections.connect.json");
    const CONNECT_TO_KPI: &str = include_str!("../../../../events/live/manage-connections.connect-to-kpi.json");

    fn query(text: &str) -> Result<Option<Subscribe>, Problem> {
        subscribe(text.split('&').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn the_sample_events_are_read() {
        let plain = Handshake::read(&serde_json::from_str(CONNECT).unwrap()).unwrap();
        assert_eq!(
            plain,
            Handshake {
                protocol: Some(SUBPROTOCOL),
                subscribe: None
            }
        );
        let with_kpi = Handshake::read(&serde_json::from_str(CONNECT_TO_KPI).unwrap()).unwrap();
        assert_eq!(with_kpi.protocol, None);
        assert_eq!(with_kpi.subscribe.unwrap().topics[0].kpi, "ON_TIME_RATE");
    }

    #[test]
    fn subprotocols_are_offered_in_one_header_or_in_several() {
        let cases = [
            (json!({}), Ok(None)),
            (
                json!({"Sec-WebSocket-Protocol": ["analytics-engine.v1"]}),
                Ok(Some(SUBPROTOCOL)),
            ),
            (
                json!({"sec-websocket-protocol": ["json, analytics-engine.v1"]}),
                Ok(Some(SUBPROTOCOL)),
            ),
            (
                json!({"Sec-WebSocket-Protocol": ["json", "analytics-engine.v1"]}),
                Ok(Some(SUBPROTOCOL)),
            ),
            (json!({"Sec-WebSocket-Protocol": ["json,graphql-ws"]}), Err(400)),
            (json!({"Sec-WebSocket-Protocol": ["analytics-engine.v2"]}), Err(400)),
        ];
        for (headers, expected) in cases {
            let mut event: serde_json::Value = serde_json::from_str(CONNECT).unwrap();
            event["headers"] = json!({});
            event["multiValueHeaders"] = headers.clone();
            let read = Handshake::read(&serde_json::from_value(event).unwrap());
            assert_eq!(
                read.map(|handshake| handshake.protocol)
                    .map_err(|problem| problem.status),
                expected,
                "{headers}"
            );
        }
    }

    #[test]
    fn a_topic_is_read_from_the_query() {
        for nothing in ["", "token=x"] {
            assert_eq!(query(nothing).unwrap(), None);
        }
        let topic = |text: &str| query(text).unwrap().unwrap().topics.remove(0);
        let plain = topic("token=x&kpi=FLIGHTS&period=minute");
        assert_eq!(
            (plain.kpi.as_str(), plain.period, plain.mode, plain.buckets),
            ("FLIGHTS", Period::Minute, Mode::Live, 1)
        );
        let full = topic("kpi=FLIGHTS&period=day&time_zone=Asia/Tokyo&mode=closed&buckets=30");
        assert_eq!((full.period, full.mode, full.buckets), (Period::Day, Mode::Closed, 30));
        assert_eq!(full.time_zone, Some("Asia/Tokyo".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("kpi=FLIGHTS", "\"period\" is missing"),
            ("period=minute", "\"kpi\" is missing"),
            ("kpi=FLIGHTS&period=second", "\"second\""),
            ("kpi=FLIGHTS&period=day&mode=dead", "\"dead\""),
            ("kpi=FLIGHTS&period=day&time_zone=Tokio", "\"Tokio\""),
            ("kpi=FLIGHTS&period=day&buckets=-1", "\"-1\""),
            ("kpi=FLIGHTS&perod=day", "\"perod\""),
            ("dashboard=7", "dashboards are not available yet"),
        ];
        for (text, named) in cases {
            let problem = query(text).unwrap_err();
            assert_eq!(problem.status, 400, "{text}");
            assert!(problem.detail.contains(named), "{text}: {}", problem.detail);
        }
    }
}
