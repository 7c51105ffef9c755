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

/// A ticket that is opened now in Berlin, with another time and how long somebody spoke.
fn closed(field: Field<'_>) -> Result<Value, Rejection> {
    let definition = json!({ "code": "Ticket", "domain": "desk", "time": "opened", "time_zone": "Europe/Berlin", "attributes": [
        { "name": "closed", "type": "time" }, { "name": "took", "type": "duration", "formula": "closed - opened" }] });
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    let mapper = Mapper::new(Arc::new(definition.validate().unwrap()));
    let mut fields = [Field::Time(1_795_262_400_000_000), field];
    let fact = mapper.fact("2026-11-21T12:00:00Z".parse().unwrap(), |place| {
        std::mem::replace(&mut fields[place], Field::Missing)
    })?;
    assert_eq!(fact.values.len(), 2, "the event's own time is no attribute");
    Ok(fact.values[1].clone())
}

#[test]
fn another_time_is_read_like_the_events_own_and_may_lie_ahead() {
    let seconds = |text: &str| Ok(Value::Decimal(text.parse().unwrap()));
    for (field, expected) in [
        (text("2026-11-21T13:00:01.5", true), seconds("1.5")),
        (text("2026-11-21T13:00:01.5", false), seconds("1.5")),
        (text("2026-11-21T11:59:59.999999Z", true), seconds("-0.000001")),
        (text("2026-11-22", false), seconds("39600")),
        (text("1795262460000", false), seconds("60")),
        (Field::Digits("1795262460000"), seconds("60")),
        (Field::Integer(1_795_262_460_000), seconds("60")),
        (Field::Float(1_795_262_460_000.0), seconds("60")),
        (Field::Time(1_795_262_400_000_001), seconds("0.000001")),
        (Field::LocalTime(1_795_266_000_000_000), seconds("0")),
        (text("2126-01-01T00:00:00Z", true), seconds("3127636800")),
        (Field::Missing, Ok(Value::Null)),
        (text("", true), Ok(Value::Null)),
        (text(" ", false), Ok(Value::Null)),
    ] {
        let name = format!("{field:?}");
        assert_eq!(closed(field).map_err(|rejection| rejection.reason), expected, "{name}");
    }
    for (field, words) in [
        (text("2611-01-01", true), "hundred years"),
        (Field::Integer(1_795_262_460), "before 1990"),
        (text("soon", true), "is not a time"),
        (text("1795262460000", true), "is not a time"),
        (Field::Boolean(true), "not the boolean true"),
        (Field::Integer(i64::MAX), "out of range"),
    ] {
        let name = format!("{field:?}");
        let refused = closed(field).unwrap_err();
        assert_eq!(refused.field, "closed", "{name}");
        assert!(refused.reason.contains(words), "{name}: {refused}");
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
