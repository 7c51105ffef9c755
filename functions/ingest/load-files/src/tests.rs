#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use archive::{Chunks, Format};
use serde_json::{Value, json};
use series::Mapper;

use super::*;
use crate::rows::guarded;

const FILE: &str = include_str!("../../../../events/ingest/load-files.json");
const TEST: &str = include_str!("../../../../events/ingest/load-files.test-event.json");

/// The body of a sample event's one message.
fn body(sample: &str) -> String {
    let event: SqsEvent = serde_json::from_str(sample).unwrap();
    event.records[0].body.clone().unwrap()
}

/// The sample's notification with another key, as S3 writes it.
fn with_key(key: &str) -> String {
    let mut notification: Value = serde_json::from_str(&body(FILE)).unwrap();
    notification["Records"][0]["s3"]["object"]["key"] = key.into();
    notification.to_string()
}

#[test]
fn a_notification_tells_of_its_objects() {
    let client = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5201";
    let cases = [
        (body(FILE), format!("{client}/Flight/flights-2026-03-01.csv")),
        (
            with_key("a/Flight/%C3%A9%2B%2520+it.csv"),
            "a/Flight/é+%20 it.csv".to_owned(),
        ),
    ];
    for (body, key) in cases {
        let bucket = "analytics-engine-incoming-dev-000000000000".to_owned();
        let objects = dropped(&body).unwrap();
        assert!(
            !objects[0].etag.is_empty() && !objects[0].sequencer.is_empty(),
            "{body}"
        );
        assert_eq!([(&objects[0].bucket, &objects[0].key)], [(&bucket, &key)], "{body}");
    }
}

#[test]
fn the_message_by_which_s3_tries_the_queue_tells_of_none() {
    assert_eq!(dropped(&body(TEST)).unwrap(), []);
}

#[test]
fn what_is_no_notification_stays_in_the_queue() {
    let mut nameless: Value = serde_json::from_str(&body(FILE)).unwrap();
    nameless["Records"][0]["s3"]["object"]["key"] = Value::Null;
    for body in [
        String::new(),
        "{}".to_owned(),
        json!({ "Records": [] }).to_string(),
        json!({ "Event": "s3:OtherEvent" }).to_string(),
        nameless.to_string(),
    ] {
        assert!(dropped(&body).is_err(), "{body}");
    }
}

#[test]
fn keys_name_a_client_and_an_entity() {
    let client = Uuid::from_u128(7);
    let key = format!("{client}/Flight/2026/03/a.csv");
    let found = address(&key).unwrap();
    assert_eq!((found.client, found.entity), (client, "Flight"));
    let spelled = [
        format!("{client}/a.csv"),
        format!("{}/Flight/a.csv", client.simple()),
        format!("{}/Flight/a.csv", client.urn()),
        format!("{}/Flight/a.csv", client.braced()),
        "018F4E2A-7C1B-7D3E-9A52-3F6F1C2A5201/Flight/a.csv".to_owned(),
    ];
    let others = ["a.csv", "Flight/a.csv", "ours/Flight/a.csv"];
    for key in others.into_iter().chain(spelled.iter().map(String::as_str)) {
        assert!(address(key).is_err(), "{key}");
    }
}

#[test]
fn a_reader_that_panics_is_a_file_that_can_not_be_read() {
    let failed = guarded(|| -> Result<(), FileError> { panic!("the reader met what it did not expect") });
    assert!(matches!(failed, Err(FileError::ReaderFailed)), "{failed:?}");
    assert!(matches!(guarded(|| Ok(7)), Ok(7)));
    let refused = guarded(|| -> Result<(), FileError> { Err(FileError::UnknownFormat("a.txt".to_owned())) });
    assert!(matches!(refused, Err(FileError::UnknownFormat(_))), "{refused:?}");
}

#[test]
fn the_rest_of_a_file_is_told_by_the_objects() {
    let mut notification: Value = serde_json::from_str(&body(FILE)).unwrap();
    let mut second = notification["Records"][0].clone();
    second["s3"]["object"]["key"] = "a/Flight/second.csv".into();
    notification["Records"].as_array_mut().unwrap().push(second);
    // As a version before wrote it.
    notification["PartsLoaded"] = 7.into();
    let whole = notification.to_string();
    for (position, expected) in [
        (0, vec!["flights-2026-03-01.csv", "second.csv"]),
        (1, vec!["second.csv"]),
    ] {
        let told = dropped(&turn::rest(&whole, position).unwrap()).unwrap();
        let told: Vec<_> = told.iter().map(|file| file.key.rsplit('/').next().unwrap()).collect();
        assert_eq!(told, expected);
    }
}

#[test]
fn a_part_begins_where_the_one_before_ended_however_parts_are_cut() {
    let mut file = String::from("time,carrier\n");
    for row in 0..40_i32 {
        // Every third row is refused.
        let time = if row % 3 == 2 { "never" } else { "2026-03-01T10:00:00Z" };
        file.push_str(&format!("{time},A{row}\n"));
    }
    let definition = json!({ "code": "Flight", "domain": "air", "time": "time", "attributes": [{ "name": "carrier", "type": "text" }] });
    let definition: catalog::EntityDefinition = serde_json::from_value(definition).unwrap();
    let mapper = Mapper::new(definition.validate().unwrap().into());
    let chunk = || {
        Chunks::open(Format::Csv, file.clone().into(), &mapper, clock::now())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
    };
    for begin in [0, 1, 2, 3, 17, 38, 39, 40] {
        let mut rest = chunk();
        rest.begin_at(begin);
        let refused = rest.refused.iter().map(|row| row.position);
        let mut rows: Vec<usize> = rest.positions.iter().copied().chain(refused).collect();
        rows.sort_unstable();
        assert_eq!(rows, (begin..40).collect::<Vec<_>>());
        assert_eq!((rest.facts.len(), rest.is_empty()), (rest.positions.len(), begin == 40));
        assert!(rest.is_empty() || rest.end() == 40);
    }
    for (most, end) in [(0, 0), (1, 3), (2, 6), (13, 39)] {
        let mut beginning = chunk();
        assert!(beginning.end_after_refused(most), "{most}");
        assert_eq!((beginning.refused.len(), beginning.end()), (most, end));
        assert_eq!(beginning.positions.len(), end - most, "each row before counts");
    }
    assert!(!chunk().end_after_refused(14), "there are 13");
}
