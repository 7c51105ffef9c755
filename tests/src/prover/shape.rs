//! Entities as the generator knows them: what their attributes are called and what they may hold.

use formula::AttributeType;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::draw::Draw;
use super::rows::{self, Gives, Place, Rows};

/// The time of every entity.
pub(super) const TIME: &str = "at";

/// What identifies a fact of an entity that has a key.
pub(super) const KEY: &str = "receipt";

/// What identifies an object of an entity of states.
pub(super) const OBJECT: &str = "object";

/// What some have beside it, by which one can ask.
pub(super) const SHELF: &str = "shelf";

/// Which object a fact is of.
pub(super) const OWNER: &str = "owner";

/// Which fact that has a key another one means.
pub(super) const SLIP: &str = "slip";

/// Which other object an object belongs to.
pub(super) const PARENT: &str = "parent";

/// Texts that facts have: some that sort otherwise than people would, and some that look like something else.
pub(super) const TEXTS: [&str; 8] = ["x", "y", "it's", "Z", "Ärger", "true", "'; --", "x_%"];

/// The entities of a client; the last one is of states.
pub(super) const ENTITIES: [&str; 3] = ["Alpha", "Beta", STATES];
pub(super) const STATES: &str = "Gamma";

/// Derived attributes of an entity.
const DERIVED: usize = 8;

/// An attribute.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: AttributeType,
    pub(super) dimension: bool,
    pub(super) formula: Option<String>,
    pub(super) sketches: Vec<&'static str>,
}

/// An entity.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) code: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) is_keyed: bool,
    pub(super) is_state: bool,
    /// What is known of the objects that its attributes mean, each under its path.
    pub(super) paths: Vec<Attribute>,
    /// Where its facts begin.
    pub(super) begin: Timestamp,
    groupings: Vec<Value>,
}

/// Attributes that two entities of a client have in common: the dimensions, so that a formula over both can be split and filtered.
pub(super) fn dimensions(draw: &mut Draw) -> Vec<Attribute> {
    let names = [
        (["kind", "from", "region"], AttributeType::Text),
        (["place", "group", "origin"], AttributeType::Text),
        (["stops", "order", "level"], AttributeType::Integer),
        (["ok", "user", "paid"], AttributeType::Boolean),
    ];
    let drawn = names.map(|(names, kind)| attribute(draw.pick(&names), kind, true));
    drawn.to_vec()
}

fn attribute(name: &str, kind: AttributeType, dimension: bool) -> Attribute {
    Attribute {
        name: name.to_owned(),
        kind,
        dimension,
        formula: None,
        sketches: Vec::new(),
    }
}

/// Declares sketches of some attributes: of each type one mostly.
fn sketch(draw: &mut Draw, attributes: &mut [Attribute]) {
    let wanted = [
        (AttributeType::Integer, false, &["percentiles", "distinct"][..]),
        (AttributeType::Decimal, false, &["percentiles"]),
        (AttributeType::Duration, false, &["percentiles"]),
        (AttributeType::Text, true, &["distinct"]),
        (AttributeType::Text, false, &["distinct"]),
        (AttributeType::Time, false, &["distinct"]),
    ];
    for (kind, dimension, sketches) in wanted {
        let mut fitting = attributes
            .iter_mut()
            .filter(|attribute| attribute.kind == kind && attribute.dimension == dimension);
        if let Some(attribute) = fitting.next().filter(|_| !draw.one_in(4)) {
            attribute.sketches = sketches.to_vec();
        }
    }
}

impl Shape {
    /// Draws an entity. `turn` says which construct its derived attributes begin with, so that all have their turn.
    pub(super) fn drawn(draw: &mut Draw, code: &str, dimensions: &[Attribute], turn: usize, begin: Timestamp) -> Self {
        let is_state = code == STATES;
        let is_keyed = !is_state && draw.one_in(2);
        let mut attributes = dimensions.to_vec();
        let names = [
            (["delay", "items", "select"], AttributeType::Integer),
            (["amount", "price", "table"], AttributeType::Decimal),
            (["distance", "weight", "limit"], AttributeType::Decimal),
            (["note", "remark", "where_to"], AttributeType::Text),
            (["done", "diverted", "not_so"], AttributeType::Boolean),
            (["closed", "solved", "until"], AttributeType::Time),
            (["opened", "since", "began"], AttributeType::Time),
            (["spent", "resolution", "interval"], AttributeType::Duration),
        ];
        attributes.extend(names.map(|(names, kind)| attribute(draw.pick(&names), kind, false)));
        sketch(draw, &mut attributes);
        let leading: &[&str] = if is_state { &[PARENT] } else { &[OWNER, SLIP] };
        attributes.extend(leading.iter().map(|name| attribute(name, AttributeType::Text, false)));
        if is_keyed {
            attributes.push(attribute(KEY, AttributeType::Text, false));
        }
        if is_state {
            attributes.push(attribute(OBJECT, AttributeType::Text, false));
            attributes.extend(draw.one_in(4).then(|| attribute(SHELF, AttributeType::Integer, true)));
        }
        for place in 0..DERIVED {
            let derived = derived(draw, &attributes, turn + place, format!("d{place}"), begin);
            attributes.extend(derived);
        }
        let groupings = groupings(draw, &attributes);
        Self {
            code: code.to_owned(),
            attributes,
            is_keyed,
            is_state,
            paths: Vec::new(),
            begin,
            groupings,
        }
    }

    /// As it is defined.
    pub(super) fn definition(&self) -> Value {
        let attributes: Vec<Value> = self.attributes.iter().map(Attribute::definition).collect();
        let key: &[&str] = if self.is_keyed { &[KEY] } else { &[] };
        let named = self.attributes.iter().map(|attribute| attribute.name.as_str());
        let state: Vec<&str> = named.filter(|name| [OBJECT, SHELF].contains(name)).collect();
        json!({
            "code": self.code, "domain": "proof", "time": TIME, "attributes": attributes, "key": key, "state": state,
            "groupings": self.groupings
        })
    }

    /// Attributes of some types.
    pub(super) fn of(&self, kinds: &[AttributeType]) -> Vec<&Attribute> {
        let all = self.attributes.iter();
        all.filter(|attribute| kinds.contains(&attribute.kind)).collect()
    }

    /// What identifies its objects or facts, where that is one attribute.
    pub(super) fn identity(&self) -> Option<&'static str> {
        let has = |name: &str| self.attributes.iter().any(|attribute| attribute.name == name);
        match (self.is_state, self.is_keyed) {
            (true, _) => (!has(SHELF)).then_some(OBJECT),
            (_, true) => Some(KEY),
            _ => None,
        }
    }

    pub(super) fn dimensions(&self) -> Vec<&Attribute> {
        self.attributes.iter().filter(|attribute| attribute.dimension).collect()
    }
}

impl Attribute {
    fn definition(&self) -> Value {
        let is_required = [KEY, OBJECT, SHELF].contains(&self.name.as_str());
        let mut definition =
            json!({ "name": self.name, "type": self.kind, "dimension": self.dimension, "required": is_required });
        if !self.sketches.is_empty() {
            definition["sketches"] = json!(self.sketches);
        }
        if let Some(formula) = &self.formula {
            definition["formula"] = formula.as_str().into();
        }
        definition
    }
}

/// A derived attribute around the construct whose turn it is.
fn derived(
    draw: &mut Draw,
    attributes: &[Attribute],
    turn: usize,
    name: String,
    begin: Timestamp,
) -> Option<Attribute> {
    let mut rows = Rows::new(draw, attributes, Place::Derived, begin);
    let construct = &rows::ROWS[turn % rows::ROWS.len()];
    let gives = rows.draw.pick(&construct.given(Place::Derived));
    let formula = (construct.write)(&mut rows, gives, 1);
    let (kind, dimension) = match gives {
        Gives::Truth => (AttributeType::Boolean, true),
        Gives::Text => (AttributeType::Text, true),
        Gives::Number => (AttributeType::Decimal, false),
        Gives::Duration => (AttributeType::Duration, false),
    };
    Some(Attribute {
        name,
        kind,
        dimension,
        formula: Some(formula),
        sketches: Vec::new(),
    })
}

/// Groupings by one dimension and by several, some of which begin by the hour or by the day.
fn groupings(draw: &mut Draw, attributes: &[Attribute]) -> Vec<Value> {
    let dimensions: Vec<&str> = attributes
        .iter()
        .filter(|attribute| attribute.dimension)
        .map(|attribute| attribute.name.as_str())
        .collect();
    let mut drawn: Vec<Vec<&str>> = Vec::new();
    for length in [1, 1, 2, 3] {
        let mut grouping: Vec<&str> = (0..length).map(|_| draw.pick(&dimensions)).collect();
        grouping.sort_unstable();
        grouping.dedup();
        if !drawn.contains(&grouping) {
            drawn.push(grouping);
        }
    }
    let finest = |draw: &mut Draw| draw.pick(&["minute", "hour", "day"]);
    drawn
        .iter()
        .map(|grouping| json!({ "dimensions": grouping, "finest": finest(draw) }))
        .collect()
}
