//! Times without an offset, in every zone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use catalog::EntityDefinition;
use serde_json::json;

use super::*;

fn mapper(zone: Option<&str>) -> Mapper {
    let mut definition =
        json!({ "code": "Sale", "domain": "shop", "time": "at", "attributes": [{ "name": "n", "type": "integer" }] });
    if let Some(zone) = zone {
        definition["time_zone"] = zone.into();
    }
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    Mapper::new(Arc::new(definition.validate().unwrap()))
}

fn berlin(zone: Option<&str>) -> Mapper {
    mapper(zone).of_client(&Calendar::of("Europe/Berlin").unwrap())
}

fn mapped<'a>(mapper: &Mapper, field: Field<'a>) -> Result<String, String> {
    let mut given = Some(field);
    let fact = mapper.fact("2026-11-21T12:00:00Z".parse().unwrap(), |place| {
        given.take().filter(|_| place == 0).unwrap_or(Field::Missing)
    });
    let fact = fact.map_err(|rejection| rejection.reason)?;
    Ok(Timestamp::from_microsecond(fact.time_us).unwrap().to_string())
}

fn text(text: &str, typed: bool) -> Field<'_> {
    Field::Text {
        text: text.into(),
        typed,
    }
}

#[test]
fn a_time_without_offset_is_in_the_clients_zone() {
    let cases = [
        ("2026-11-20T00:10:00", "2026-11-19T23:10:00Z"),
        ("2026-11-20 23:50:00.25", "2026-11-20T22:50:00.25Z"),
        ("2026-11-20", "2026-11-19T23:00:00Z"),
        (" 2026-06-20T12:00 ", "2026-06-20T10:00:00Z"),
        // What says an offset or a zone is where it says.
        ("2026-11-20T00:10:00Z", "2026-11-20T00:10:00Z"),
        ("2026-11-20T00:10:00-05:00", "2026-11-20T05:10:00Z"),
        ("2026-11-20T00:10:00[America/New_York]", "2026-11-20T05:10:00Z"),
        // The first of the two of an autumn night, and what a spring night leaves out is an hour later.
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T03:30:00", "2026-03-29T01:30:00Z"),
    ];
    for (written, instant) in cases {
        for typed in [true, false] {
            assert_eq!(
                mapped(&berlin(None), text(written, typed)),
                Ok(instant.to_owned()),
                "{written}"
            );
        }
    }
    let local = "2026-11-20T00:10:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    let told = mapped(&berlin(None), Field::LocalTime(local));
    assert_eq!(told.as_deref(), Ok("2026-11-19T23:10:00Z"));
    for far in [
        i64::MAX,
        i64::MIN,
        Timestamp::MAX.as_microsecond(),
        Timestamp::MIN.as_microsecond(),
    ] {
        assert!(mapped(&berlin(None), Field::LocalTime(far)).is_err(), "{far}");
    }
}

#[test]
fn the_file_knows_best_then_the_entity_then_the_client() {
    let tokyo = || TimeZone::get("Asia/Tokyo").unwrap();
    let cases = [
        (mapper(None), "2026-11-20T12:00:00Z"),
        (berlin(None), "2026-11-20T11:00:00Z"),
        (berlin(Some("America/New_York")), "2026-11-20T17:00:00Z"),
        (
            berlin(Some("America/New_York")).in_zone(tokyo()),
            "2026-11-20T03:00:00Z",
        ),
        (berlin(None).in_zone(tokyo()), "2026-11-20T03:00:00Z"),
        (
            mapper(None)
                .in_zone(tokyo())
                .of_client(&Calendar::of("Europe/Berlin").unwrap()),
            "2026-11-20T03:00:00Z",
        ),
    ];
    for (number, (mapper, instant)) in cases.into_iter().enumerate() {
        assert_eq!(
            mapped(&mapper, text("2026-11-20T12:00:00", true)).as_deref(),
            Ok(instant),
            "{number}"
        );
    }
}

#[test]
fn milliseconds_are_read_however_a_format_writes_numbers() {
    let instant = Ok("2026-11-20T12:00:00Z".to_owned());
    for number in ["1795176000000", "1795176000000.0", "1.795176e12"] {
        assert_eq!(mapped(&mapper(None), text(number, false)), instant, "{number}");
        assert_eq!(mapped(&mapper(None), Field::Digits(number)), instant, "{number}");
        assert!(mapped(&mapper(None), text(number, true)).is_err(), "{number}");
    }
    assert_eq!(mapped(&mapper(None), Field::Integer(1_795_176_000_000)), instant);
    assert_eq!(mapped(&mapper(None), Field::Float(1_795_176_000_000.0)), instant);
    for refused in ["1795176000", "1795176000000.5", "soon", ""] {
        assert!(mapped(&mapper(None), text(refused, false)).is_err(), "{refused}");
    }
}

#[test]
fn a_field_may_have_the_name_that_an_attribute_had() {
    let definition = json!({ "code": "Sale", "domain": "shop", "attributes": [
        { "name": "price", "type": "integer", "formerly": ["amount", "value"] },
        { "name": "twice", "type": "integer", "formerly": ["double"], "formula": "price * 2" }] });
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    for (name, place) in [
        ("time", Some(0)),
        ("price", Some(1)),
        ("amount", Some(1)),
        ("value", Some(1)),
        ("double", None),
    ] {
        assert_eq!(mapper.place(name).ok(), place, "{name}");
    }
}
