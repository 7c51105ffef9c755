//! Events as senders write them: late, twice, without values, with extreme ones, and now and then wrong.

use formula::AttributeType;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::draw::Draw;
use super::shape::{Attribute, KEY, OBJECT, OWNER, PARENT, SHELF, SLIP, Shape, TEXTS, TIME};

/// Days that the facts of a world are about.
const DAYS: i64 = 10;

/// Where the facts of a world begin, each with zones in which something happens then: clocks that change, also by half an hour and past midnight, a day that is left
/// out, the end of a year, and a leap day.
pub(super) const SCENES: [(&str, &[&str]); 8] = [
    (
        "2026-03-24T00:00:00Z",
        &["Europe/Berlin", "UTC", "Asia/Kolkata", "Africa/Cairo"],
    ),
    (
        "2025-10-21T00:00:00Z",
        &["Europe/Berlin", "America/Sao_Paulo", "Atlantic/Azores", "UTC"],
    ),
    (
        "2025-10-27T00:00:00Z",
        &["America/New_York", "America/Havana", "America/St_Johns", "UTC"],
    ),
    (
        "2026-03-31T00:00:00Z",
        &["Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Auckland"],
    ),
    (
        "2025-12-27T00:00:00Z",
        &["Asia/Kathmandu", "UTC", "Pacific/Kiritimati", "America/Los_Angeles"],
    ),
    ("2024-02-25T00:00:00Z", &["UTC", "Asia/Tokyo", "Asia/Kolkata"]),
    ("2010-11-02T00:00:00Z", &["America/St_Johns", "America/New_York"]),
    ("2011-12-26T00:00:00Z", &["Pacific/Apia", "Asia/Kolkata", "UTC"]),
];

/// Draws the events of an entity.
pub(super) struct Events<'a> {
    pub(super) draw: &'a mut Draw,
    pub(super) shape: &'a Shape,
    pub(super) zone: &'a TimeZone,
    pub(super) begin: Timestamp,
}

impl Events<'_> {
    /// So many events.
    pub(super) fn many(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> String {
        let mut time = time(self.draw, self.begin);
        if self.draw.one_in(8) {
            time -= SignedDuration::from_hours(24 * self.draw.pick(&DAYS_BEFORE));
        }
        let mut fields = vec![(TIME.to_owned(), self.written(time))];
        for attribute in self
            .shape
            .attributes
            .iter()
            .filter(|attribute| attribute.formula.is_none())
        {
            if attribute.name == KEY {
                // As many keys as there are events or fewer: some come twice.
                let key = format!("\"r{}\"", self.draw.below(60));
                fields.push((KEY.to_owned(), key));
            } else if attribute.name == SHELF {
                let shelf = self.draw.between(0, 1).to_string();
                fields.push((SHELF.to_owned(), shelf));
            } else if attribute.name == OBJECT {
                // So few objects that most change.
                let object = format!("\"o{}\"", self.draw.below(12));
                fields.push((OBJECT.to_owned(), object));
            } else if !self.draw.one_in(5) {
                let value = self.value(attribute);
                fields.push((attribute.name.clone(), value));
            } else if self.draw.one_in(3) {
                fields.push((attribute.name.clone(), "null".to_owned()));
            }
        }
        if self.draw.one_in(25) {
            self.spoil(&mut fields);
        }
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    /// Makes an event wrong.
    fn spoil(&mut self, fields: &mut Vec<(String, String)>) {
        let wrong = self.draw.pick(&[
            (TIME, "\"1989-12-31T23:59:59Z\""),
            (TIME, "null"),
            ("unheard_of", "1"),
            ("d0", "1"),
            (TIME, "\"2031-01-01T00:00:00Z\""),
        ]);
        fields.retain(|(name, _)| name != wrong.0);
        fields.push((wrong.0.to_owned(), wrong.1.to_owned()));
    }

    /// An instant in one of the ways in which it can be written.
    fn written(&mut self, time: Timestamp) -> String {
        match self.draw.below(6) {
            0 => format!(
                "\"{}\"",
                time.to_zoned(TimeZone::fixed(jiff::tz::offset(-7)))
                    .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
            ),
            // By the clocks of the client: it may be another instant then, where clocks are changed.
            1 => format!("\"{}\"", time.to_zoned(self.zone.clone()).datetime()),
            2 if time.subsec_microsecond() == 0 && time.subsec_nanosecond() == 0 => time.as_millisecond().to_string(),
            _ => format!("\"{time}\""),
        }
    }

    fn value(&mut self, attribute: &Attribute) -> String {
        match attribute.kind {
            AttributeType::Boolean => self.draw.pick(&["true", "false"]).to_owned(),
            // Of some of which nothing is told.
            AttributeType::Text if [OWNER, PARENT].contains(&attribute.name.as_str()) => {
                format!("\"o{}\"", self.draw.below(14))
            }
            AttributeType::Text if attribute.name == SLIP => format!("\"r{}\"", self.draw.below(66)),
            AttributeType::Integer if attribute.dimension => self.draw.pick(&["0", "1", "2", "-3"]).to_owned(),
            AttributeType::Integer => self.integer(),
            AttributeType::Decimal => self.decimal(),
            AttributeType::Text if self.draw.one_in(8) => "\"\"".to_owned(),
            AttributeType::Text => format!("\"{}\"", self.draw.pick(&TEXTS)),
            AttributeType::Time => {
                let time = time(self.draw, self.begin);
                self.written(time)
            }
            AttributeType::Duration => self
                .draw
                .pick(&["0", "5400", "-0.000001", "86400.5", "\"59.999999\"", "1e3"])
                .to_owned(),
        }
    }

    fn integer(&mut self) -> String {
        match self.draw.below(20) {
            0 => i64::MAX.to_string(),
            1 => i64::MIN.to_string(),
            2 => "7.0".to_owned(),
            _ => self.draw.between(-50, 200).to_string(),
        }
    }

    fn decimal(&mut self) -> String {
        match self.draw.below(20) {
            0 => "\"9999999999999999999999999999\"".to_owned(),
            1 => "0.0000000000000000000000000001".to_owned(),
            2 => "\"-12345678901234.56789012345678\"".to_owned(),
            3 => "1.5000000000".to_owned(),
            _ => {
                let places = self.draw.below(4);
                let digits = self.draw.between(-20_000, 90_000);
                rust_decimal::Decimal::new(digits, u32::try_from(places).unwrap_or(0)).to_string()
            }
        }
    }
}

/// Days before the others, on which there are a few facts too: what other periods are compared with.
const DAYS_BEFORE: [i64; 7] = [7, 28, 30, 31, 91, 364, 365];

/// An instant of a world: in a few hours of each day, so that buckets have several facts and many have none; now and then on an edge.
pub(super) fn time(draw: &mut Draw, begin: Timestamp) -> Timestamp {
    let day = draw.between(0, DAYS - 1);
    let hour = draw.pick(&[0, 1, 2, 3, 9, 10, 13, 22, 23]);
    let (minute, second) = match draw.below(4) {
        0 => (0, 0),
        1 => (59, 59),
        _ => (draw.pick(&[0, 14, 15, 29, 30, 31, 44, 45]), draw.between(0, 59)),
    };
    let fraction_us = draw.pick(&[0, 0, 0, 1, 500_000, 999_999]);
    begin
        + SignedDuration::from_secs(day * 86_400 + hour * 3_600 + minute * 60 + second)
        + SignedDuration::from_micros(fraction_us)
}
