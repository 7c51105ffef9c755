//! How API Gateway writes headers, queries, times and ids into events, for both kinds of API.

use std::collections::BTreeMap;

use axum::extract::Query;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use http::{HeaderMap, Uri, header};
use uuid::Uuid;

/// Names in lower case, repeated ones joined by commas.
pub(crate) fn joined_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let separator = if name == header::COOKIE { "; " } else { "," };
        let text = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(separator);
                all.push_str(&text);
            })
            .or_insert_with(|| text.clone().into_owned());
    }
    joined
}

/// Decoded, repeated ones joined by commas.
pub(crate) fn joined_query(uri: &Uri) -> BTreeMap<String, String> {
    let pairs = query_pairs(uri);
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        match joined.get_mut(&name) {
            Some(all) => {
                all.push(',');
                all.push_str(&value);
            }
            None => {
                joined.insert(name, value);
            }
        }
    }
    joined
}

/// The query's pairs, decoded, in their order.
pub(crate) fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// API Gateway's way to write a time: `09/Feb/2024:18:23:28 +0000`.
pub(crate) fn request_time(time: jiff::Timestamp) -> String {
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// An id like those of API Gateway's requests and connections: 11 bytes in base 64.
pub(crate) fn short_id() -> String {
    URL_SAFE.encode(&Uuid::new_v4().as_bytes()[..11])
}
