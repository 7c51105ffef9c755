//! What the clients define: entities of the same codes whose attributes of the same names have other types, keys and groupings. And events of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// Dimensions that are added to an entity while it is in use.
pub(crate) const MAX_ADDED: usize = 3;

/// Values of a dimension that is no boolean.
const VALUES: u8 = 6;

/// Events lie so far back at most.
pub(crate) const LATEST: SignedDuration = SignedDuration::from_hours(72);

/// Of so many events one is bad, and one is without a dimension.
const ONE_BAD_OF: u32 = 40;
const ONE_EMPTY_OF: u32 = 10;

/// Types that names have with one client or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Boolean,
    Decimal,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
        }
    }

    const fn values(self) -> u8 {
        match self {
            Self::Boolean => 2,
            _ => VALUES,
        }
    }

    /// A dimension's value as an event has it.
    fn json(self, value: u8) -> Value {
        match self {
            Self::Boolean => json!(value == 1),
            Self::Integer => json!(value),
            Self::Text | Self::Decimal => json!(format!("value {value}")),
        }
    }

    /// As answers have it.
    pub(crate) fn text(self, value: u8) -> String {
        match self.json(value) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// As formulas have it.
    fn literal(self, value: u8) -> String {
        match self {
            Self::Text | Self::Decimal => format!("'{}'", self.text(value)),
            _ => self.text(value),
        }
    }
}

/// A dimension.
#[derive(Clone, Debug)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// An entity of one client.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) code: &'static str,
    /// The field of an event that holds its time.
    time: &'static str,
    /// Type of `amount`, a number.
    amount: Kind,
    dimensions: Vec<Dimension>,
    /// Groupings, as positions of dimensions.
    groupings: Vec<Vec<usize>>,
    /// Type of the attribute `number`, which is the key where there is one.
    key: Option<Kind>,
    /// Dimensions that were added.
    added: AtomicUsize,
}

/// An event that is fit to be a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time_us: i64,
    /// The amount in hundredths.
    pub(crate) cents: i64,
    /// Values of the dimensions that there were; what is beyond has none.
    pub(crate) values: Box<[Option<u8>]>,
    pub(crate) key: u32,
}

/// The client with this place among the three: each its own way.
pub(crate) fn shapes(client: usize) -> Vec<Shape> {
    let kinds = [
        [Kind::Text, Kind::Integer, Kind::Boolean],
        [Kind::Integer, Kind::Boolean, Kind::Text],
        [Kind::Boolean, Kind::Text, Kind::Integer],
    ][client % 3];
    let dimensions = || -> Vec<Dimension> {
        let named = ["region", "colour", "size"].into_iter().zip(kinds);
        named
            .map(|(name, kind)| Dimension {
                name: name.to_owned(),
                kind,
            })
            .collect()
    };
    let shape = |code, groupings: &[&[usize]], key| Shape {
        code,
        time: ["time", "at", "happened"][client % 3],
        amount: [Kind::Decimal, Kind::Integer][client % 2],
        dimensions: dimensions(),
        groupings: groupings.iter().map(|grouping| grouping.to_vec()).collect(),
        key,
        added: AtomicUsize::new(0),
    };
    let items: [&[&[usize]]; 3] = [&[&[0], &[1]], &[&[1], &[0, 2]], &[&[2]]];
    let cards: [&[&[usize]]; 3] = [&[&[2]], &[&[0, 1]], &[&[0], &[1]]];
    let key = [Kind::Text, Kind::Integer, Kind::Text][client % 3];
    vec![
        shape("Item", items[client % 3], None),
        shape("Card", cards[client % 3], Some(key)),
    ]
}

impl Shape {
    /// Its dimensions now.
    pub(crate) fn dimensions(&self) -> Vec<Dimension> {
        self.dimensions_with(self.added.load(Ordering::SeqCst))
    }

    fn dimensions_with(&self, added: usize) -> Vec<Dimension> {
        let kinds = self.dimensions.iter().rev().map(|dimension| dimension.kind);
        let more = kinds.take(added).enumerate();
        let more = more.map(|(number, kind)| Dimension {
            name: format!("added_{number}"),
            kind,
        });
        self.dimensions.iter().cloned().chain(more).collect()
    }

    /// Its definition with one dimension more, which has a grouping with the first one; none when there are enough.
    pub(crate) fn definition_with_more(&self) -> Option<Value> {
        let added = self.added.load(Ordering::SeqCst);
        (added < MAX_ADDED).then(|| self.definition(added + 1))
    }

    /// Whether later events of a key replace earlier ones.
    pub(crate) const fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// Events have the added dimension from now on.
    pub(crate) fn has_more(&self) {
        self.added.fetch_add(1, Ordering::SeqCst);
    }

    /// Its definition with so many dimensions added.
    pub(crate) fn definition(&self, added: usize) -> Value {
        let dimensions = self.dimensions_with(added);
        let mut attributes = vec![json!({ "name": "amount", "type": self.amount.name(), "required": true })];
        attributes.extend(
            self.key
                .map(|kind| json!({ "name": "number", "type": kind.name(), "required": true })),
        );
        let described =
            |dimension: &Dimension| json!({ "name": dimension.name, "type": dimension.kind.name(), "dimension": true });
        attributes.extend(dimensions.iter().map(described));
        let mut groupings = self.groupings.clone();
        groupings.extend((0..added).map(|number| vec![0, self.dimensions.len() + number]));
        let named = |grouping: &Vec<usize>| {
            let names: Vec<&str> = grouping.iter().map(|place| dimensions[*place].name.as_str()).collect();
            json!({ "dimensions": names })
        };
        let groupings: Vec<Value> = groupings.iter().map(named).collect();
        let key: &[&str] = if self.key.is_some() { &["number"] } else { &[] };
        json!({ "code": self.code, "domain": "endurance", "time": self.time, "attributes": attributes, "groupings": groupings, "key": key })
    }

    /// Its KPIs: what each is, and its definition.
    pub(crate) fn kpis(&self) -> Vec<(Measure, Value)> {
        Measure::ALL
            .map(|measure| {
                (
                    measure,
                    json!({ "code": self.kpi(measure), "name": self.kpi(measure), "formula": self.formula(measure) }),
                )
            })
            .into()
    }

    /// The code of a KPI.
    pub(crate) fn kpi(&self, measure: Measure) -> String {
        format!("{}_{}", self.code.to_uppercase(), measure.name())
    }

    fn formula(&self, measure: Measure) -> String {
        let code = self.code;
        match measure {
            Measure::Count => format!("COUNT({code})"),
            Measure::Sum => format!("SUM({code}.amount)"),
            Measure::Max => format!("MAX({code}.amount)"),
            Measure::Some => {
                let Dimension { name, kind } = &self.dimensions[0];
                format!("COUNT({code} WHERE {name} = {})", kind.literal(0))
            }
        }
    }

    /// Any event: of now mostly, of the days before otherwise.
    pub(crate) fn event(&self, rng: &mut Rng, now: Timestamp, key: u32) -> Event {
        let back = if rng.u8(..4) > 0 {
            SignedDuration::from_secs(90)
        } else {
            LATEST
        };
        let back_ms = rng.i64(0..i64::try_from(back.as_millis()).unwrap_or(i64::MAX));
        let cents = rng.i64(-10_000..100_000);
        let values = self.dimensions().into_iter().map(|dimension| {
            let value = rng.u8(..dimension.kind.values());
            (rng.u32(..ONE_EMPTY_OF) > 0).then_some(value)
        });
        Event {
            values: values.collect(),
            time_us: now.as_millisecond().saturating_sub(back_ms) * 1_000,
            cents: if self.amount == Kind::Integer {
                cents / 100 * 100
            } else {
                cents
            },
            key,
        }
    }

    /// An event as it is sent; bad in one of several ways if it is said so.
    pub(crate) fn json(&self, event: &Event, rng: &mut Rng, is_bad: bool) -> Map<String, Value> {
        let mut json = Map::new();
        let time = Timestamp::from_microsecond(event.time_us)
            .unwrap_or_default()
            .to_string();
        json.insert(self.time.to_owned(), json!(time));
        json.insert("amount".to_owned(), self.amount_of(event.cents));
        if let Some(kind) = self.key {
            let number = if kind == Kind::Integer {
                json!(event.key)
            } else {
                json!(format!("K{}", event.key))
            };
            json.insert("number".to_owned(), number);
        }
        for (dimension, value) in self.dimensions().iter().zip(&event.values) {
            if let Some(value) = value {
                json.insert(dimension.name.clone(), dimension.kind.json(*value));
            }
        }
        if is_bad {
            match rng.u8(..4) {
                0 => json.insert("amount".to_owned(), json!("many")),
                1 => json.remove("amount"),
                2 => json.remove(self.time),
                _ => json.insert(self.time.to_owned(), json!("1871-01-01T00:00:00Z")),
            };
        }
        json
    }

    /// An integer is a number in JSON; a decimal may be a text.
    fn amount_of(&self, cents: i64) -> Value {
        match self.amount {
            Kind::Integer => json!(cents / 100),
            _ => json!(format!(
                "{}{}.{:02}",
                if cents < 0 { "-" } else { "" },
                cents.abs() / 100,
                cents.abs() % 100
            )),
        }
    }
}

/// Whether the next event is a bad one.
pub(crate) fn is_bad(rng: &mut Rng) -> bool {
    rng.u32(..ONE_BAD_OF) == 0
}

/// What KPIs measure of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Count,
    Sum,
    Max,
    /// Facts with the first value of the first dimension.
    Some,
}

impl Measure {
    pub(crate) const ALL: [Self; 4] = [Self::Count, Self::Sum, Self::Max, Self::Some];

    const fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Max => "MAX",
            Self::Some => "SOME",
        }
    }
}
