//! Paths: what attributes lead to, and formulas that go there.

use catalog::{Cardinality, Relationship, Resolution};
use formula::AttributeType;

use super::draw::Draw;
use super::kpis::Kpis;
use super::shape::{Attribute, OWNER, PARENT, SHELF, SLIP, STATES, Shape};

/// Names by path that one formula has to draw from: of few objects, so that several are of one.
const OF_A_FORMULA: usize = 8;

/// Declares what the attributes of a client's entities lead to, and tells each entity its paths.
pub(super) fn relate(draw: &mut Draw, shapes: &mut [Shape]) -> Vec<Relationship> {
    let states = shapes
        .iter()
        .find(|shape| shape.code == STATES && shape.identity().is_some());
    let keyed = shapes.iter().rfind(|shape| shape.is_keyed);
    let mut relationships = Vec::new();
    for shape in shapes.iter() {
        let leads: &[(&str, Option<&Shape>)] = if shape.is_state {
            &[(PARENT, states)]
        } else {
            &[(OWNER, states), (SLIP, keyed)]
        };
        for (attribute, to) in leads {
            let Some((to, key)) = to.and_then(|to| Some((to, to.identity()?))) else {
                continue;
            };
            relationships.push(Relationship {
                code: format!("{}_{attribute}", shape.code).to_uppercase(),
                name: String::new(),
                description: String::new(),
                from_entity: shape.code.clone(),
                attribute: (*attribute).to_owned(),
                to_entity: to.code.clone(),
                key: key.to_owned(),
                cardinality: Cardinality::One,
                resolved: draw.pick(&[Resolution::AsOfFact, Resolution::AsOfNow]),
            });
        }
    }
    let paths: Vec<_> = shapes
        .iter()
        .map(|shape| paths(shapes, &relationships, shape))
        .collect();
    for (shape, paths) in shapes.iter_mut().zip(paths) {
        shape.paths = paths;
    }
    relationships
}

/// The attributes that one and two steps lead to.
fn paths(shapes: &[Shape], relationships: &[Relationship], shape: &Shape) -> Vec<Attribute> {
    let mut found = Vec::new();
    for (first, to) in leads(shapes, relationships, shape) {
        found.extend(ends(first, to));
        for (second, to) in leads(shapes, relationships, to) {
            found.extend(ends(&format!("{first}.{second}"), to));
        }
    }
    found
}

fn leads<'a>(
    shapes: &'a [Shape],
    relationships: &'a [Relationship],
    shape: &Shape,
) -> impl Iterator<Item = (&'a str, &'a Shape)> {
    let mine = relationships.iter().filter(|one| one.from_entity == shape.code);
    let to = |one: &'a Relationship| shapes.iter().find(|shape| shape.code == one.to_entity);
    mine.filter_map(move |one| Some((one.attribute.as_str(), to(one)?)))
}

fn ends(path: &str, to: &Shape) -> Vec<Attribute> {
    let of = |attribute: &Attribute| Attribute {
        name: format!("{path}.{}", attribute.name),
        sketches: Vec::new(),
        ..attribute.clone()
    };
    to.attributes
        .iter()
        .filter(|attribute| attribute.name != SHELF)
        .map(of)
        .collect()
}

impl Kpis<'_> {
    /// Some of the paths that may be named where facts are read, and no states.
    pub(super) fn paths(&mut self) -> Vec<Attribute> {
        let all = &self.shape().paths;
        if all.is_empty() || !self.has_paths || !self.is_of_facts || self.is_of_states {
            return Vec::new();
        }
        (0..OF_A_FORMULA).map(|_| self.draw.pick(all)).collect()
    }

    /// An attribute of some types, or now and then a path to one.
    pub(super) fn named(&mut self, kinds: &[AttributeType]) -> String {
        let mut paths = self.paths();
        paths.retain(|path| kinds.contains(&path.kind));
        if !paths.is_empty() && self.draw.one_in(2) {
            return self.draw.pick(&paths).name;
        }
        let own = self.shape().of(kinds);
        self.draw.pick(&own).name.clone()
    }

    /// What is written of an entity that has paths, if there is one.
    fn of_paths(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        let fitting: Vec<usize> = (0..self.shapes.len())
            .filter(|place| self.shapes.get(*place).is_some_and(|shape| !shape.paths.is_empty()))
            .collect();
        let entity = self.entity;
        if self.shape().paths.is_empty() && !fitting.is_empty() {
            self.entity = self.draw.pick(&fitting);
        }
        let (is_of_facts, has_paths) = (
            std::mem::replace(&mut self.is_of_facts, true),
            std::mem::replace(&mut self.has_paths, true),
        );
        let written = write(self);
        (self.entity, self.is_of_facts, self.has_paths) = (entity, is_of_facts, has_paths);
        written
    }

    /// An aggregate of what a path leads to.
    pub(super) fn path(&mut self) -> String {
        self.of_paths(|kpis| {
            let paths = kpis.shape().paths.clone();
            if paths.is_empty() {
                return kpis.measure();
            }
            let path = kpis.draw.pick(&paths);
            let of = format!(".{}", path.name);
            match path.kind {
                AttributeType::Integer | AttributeType::Decimal => {
                    let function = kpis
                        .draw
                        .pick(&["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "MEDIAN", "MODE"]);
                    kpis.aggregate(function, &of)
                }
                AttributeType::Duration => {
                    let function = kpis.draw.pick(&["SUM", "AVG", "MAX", "LAST", "MEDIAN"]);
                    format!("HOURS({})", kpis.aggregate(function, &of))
                }
                AttributeType::Boolean => {
                    let function = kpis.draw.pick(&["ANY", "ALL", "COUNT"]);
                    kpis.aggregate(function, &of)
                }
                AttributeType::Text | AttributeType::Time => {
                    if kpis.draw.one_in(2) {
                        return kpis.aggregate("COUNT", &of);
                    }
                    let distinct = format!("DISTINCT {}{of}", kpis.shape().code);
                    format!("COUNT({distinct})")
                }
            }
        })
    }

    /// A count of the facts whose objects are like this.
    pub(super) fn path_condition(&mut self) -> String {
        self.of_paths(|kpis| {
            let paths = kpis.shape().paths.clone();
            if paths.is_empty() {
                return kpis.measure();
            }
            let path = kpis.draw.pick(&paths);
            let name = path.name;
            let one = match path.kind {
                AttributeType::Integer | AttributeType::Decimal => format!("{name} >= 1"),
                AttributeType::Duration => format!("HOURS({name}) < 2"),
                AttributeType::Boolean => name.clone(),
                AttributeType::Text => format!("{name} != 'y'"),
                AttributeType::Time => format!("{name} <= at"),
            };
            let negated = kpis.draw.pick(&["", "", "NOT "]);
            kpis.wanted = Some(format!("{negated}{one}"));
            if kpis.draw.one_in(2) {
                return kpis.aggregate("COUNT", "");
            }
            kpis.of_number("SUM")
        })
    }

    /// An aggregate of the product of two numbers of each fact.
    pub(super) fn product(&mut self) -> String {
        let function = self.any_function();
        let (one, other) = (self.numeric(), self.numeric());
        let other = self.second(&other);
        self.aggregate(function, &format!(".{one} * {other}"))
    }

    /// The same where one of them, or both, is at the end of a path.
    pub(super) fn product_by_path(&mut self) -> String {
        self.of_paths(|kpis| {
            let mut paths = kpis.shape().paths.clone();
            paths.retain(|path| matches!(path.kind, AttributeType::Integer | AttributeType::Decimal));
            if paths.is_empty() {
                return kpis.product();
            }
            let path = kpis.draw.pick(&paths).name;
            let own = kpis.numeric();
            let (function, code) = (kpis.any_function(), kpis.shape().code.clone());
            let of = kpis.draw.pick(&[
                format!(".{own} * {path}"),
                format!(".{path} * {own}"),
                format!(".{own} * {code}.{path}"),
            ]);
            kpis.aggregate(function, &of)
        })
    }
}
