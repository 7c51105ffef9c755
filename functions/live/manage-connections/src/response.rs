//! What API Gateway is told.

use std::collections::BTreeMap;

use platform::Problem;
use serde::Serialize;

/// The answer to a route of a WebSocket API.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Answer {
    /// The connection is made, in this subprotocol if one was offered.
    pub(crate) fn accept(protocol: Option<&'static str>) -> Self {
        let protocol = protocol.map(|protocol| ("Sec-WebSocket-Protocol", protocol.to_owned()));
        Self {
            status_code: 200,
            headers: protocol.into_iter().collect(),
            body: None,
        }
    }

    /// The connection is not made.
    pub(crate) fn problem(problem: &Problem) -> Self {
        Self {
            status_code: problem.status,
            headers: BTreeMap::from([("Content-Type", "application/problem+json".to_owned())]),
            body: serde_json::to_string(problem).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_the_form_that_api_gateway_takes() {
        let plain = serde_json::to_value(Answer::accept(None)).unwrap();
        assert_eq!(plain, json!({"statusCode": 200, "headers": {}}));
        let spoken = serde_json::to_value(Answer::accept(Some("analytics-engine.v1"))).unwrap();
        assert_eq!(
            spoken["headers"],
            json!({"Sec-WebSocket-Protocol": "analytics-engine.v1"})
        );
        let refused = serde_json::to_value(Answer::problem(&Problem::malformed("period is missing"))).unwrap();
        assert_eq!(refused["statusCode"], 400);
        assert!(
            refused["body"].as_str().unwrap().contains("period is missing"),
            "{refused}"
        );
    }
}
