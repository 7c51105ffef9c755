//! Which changes are possible to an entity that has tables: those that leave every stored fact and rollup true. It does not
//! matter whether facts are stored yet, so that a change is not possible today and refused tomorrow.

use crate::definition::{AttributeDefinition, GroupingDefinition};
use crate::entity::Entity;
use crate::names::quoted;
use crate::problem::{Problem, none_or};

impl Entity {
    /// Whether `new` can take this entity's place. Attributes and groupings may be added, descriptions may change,
    /// requirements may be dropped, and an attribute may become a dimension.
    ///
    /// # Errors
    /// Every change of another kind; pointers are into the new definition.
    pub fn accepts_replacement(&self, new: &Entity) -> Result<(), Vec<Problem>> {
        let (old, replacement) = (&self.definition, &new.definition);
        let mut problems = Vec::new();
        let fixed = [
            ("/code", old.code == replacement.code),
            ("/domain", old.domain == replacement.domain),
            ("/time", old.time == replacement.time),
            ("/key", old.key == replacement.key),
            ("/state", old.state == replacement.state),
        ];
        for (pointer, _) in fixed.into_iter().filter(|(_, same)| !same) {
            problems.push(
                Problem::new(pointer, "this cannot change once the entity exists").with_hint("define a new entity"),
            );
        }
        for attribute in &old.attributes {
            compare_attribute(attribute, new, &mut problems);
        }
        for grouping in &self.groupings {
            compare_grouping(grouping, new, &mut problems);
        }
        none_or(problems, || ())
    }
}

fn compare_attribute(old: &AttributeDefinition, replacement: &Entity, problems: &mut Vec<Problem>) {
    let name = quoted(&old.name);
    let found = replacement
        .index_of(&old.name)
        .and_then(|index| Some((index, replacement.stored_attributes().get(index)?)));
    let Some((index, new)) = found else {
        problems.push(Problem::new(
            "/attributes",
            format!("{name} cannot be removed once the entity exists"),
        ));
        return;
    };
    let changes = [
        ("type", old.kind != new.kind, "type"),
        ("formula", old.formula != new.formula, "formula"),
        ("unit", old.unit != new.unit, "unit"),
    ];
    for (field, _, what) in changes.into_iter().filter(|(_, changed, _)| *changed) {
        let message = format!("the {what} of {name} cannot change once the entity exists");
        problems.push(Problem::new(format!("/attributes/{index}/{field}"), message).with_hint("add a new attribute"));
    }
    if old.dimension && !new.dimension {
        problems.push(Problem::new(
            format!("/attributes/{index}/dimension"),
            format!("{name} must stay a dimension"),
        ));
    }
    if !old.required && new.required {
        let message = format!("{name} cannot become required, because facts may lack it");
        problems.push(Problem::new(format!("/attributes/{index}/required"), message));
    }
}

fn compare_grouping(old: &GroupingDefinition, replacement: &Entity, problems: &mut Vec<Problem>) {
    let dimensions = old.dimensions.join(", ");
    match replacement
        .groupings
        .iter()
        .find(|new| new.dimensions == old.dimensions)
    {
        None => problems.push(Problem::new(
            "/groupings",
            format!("the grouping by {dimensions} cannot be removed once the entity exists"),
        )),
        Some(new) if new.finest != old.finest => {
            let message = format!(
                "the grouping by {dimensions} is kept from the {} on, which cannot change",
                old.finest
            );
            problems.push(
                Problem::new("/groupings", message)
                    .with_hint("what the grouping does not answer is read from the facts"),
            );
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::definition::{EntityDefinition, GroupingDefinition};
    use crate::fixtures::{attribute, flight};
    use crate::level::Level;
    use formula::AttributeType;

    /// A name, a change, and the pointers of the problems it makes.
    type Case = (&'static str, fn(&mut EntityDefinition), &'static [&'static str]);

    #[test]
    fn additions_are_accepted_and_other_changes_are_not() {
        let cases: &[Case] = &[
            ("nothing", |_| {}, &[]),
            ("a description", |new| new.description = "a leg".into(), &[]),
            (
                "an attribute",
                |new| new.attributes.push(attribute("tail", AttributeType::Text)),
                &[],
            ),
            (
                "an attribute in front",
                |new| new.attributes.insert(0, attribute("tail", AttributeType::Text)),
                &[],
            ),
            (
                "a grouping",
                |new| new.groupings.push(GroupingDefinition::by_minute(["on_time"])),
                &[],
            ),
            (
                "a finer rollup",
                |new| new.groupings[1].finest = Level::Minute,
                &["/groupings"],
            ),
            ("a requirement dropped", |new| new.attributes[0].required = false, &[]),
            ("code", |new| new.code = "Leg".into(), &["/code"]),
            (
                "domain and time",
                |new| (new.domain, new.time) = ("air".into(), "at".into()),
                &["/domain", "/time"],
            ),
            ("key", |new| new.key = vec!["delay".into()], &["/key"]),
            (
                "an attribute removed",
                |new| drop(new.attributes.remove(1)),
                &["/attributes"],
            ),
            (
                "an attribute renamed",
                |new| new.attributes[1].name = "length".into(),
                &["/attributes"],
            ),
            (
                "a type",
                |new| new.attributes[1].kind = AttributeType::Integer,
                &["/attributes/1/type"],
            ),
            (
                "a unit",
                |new| new.attributes[1].unit = Some("km".into()),
                &["/attributes/1/unit"],
            ),
            (
                "a formula",
                |new| new.attributes[4].formula = Some("delay < 20".into()),
                &["/attributes/4/formula"],
            ),
            (
                "a requirement",
                |new| new.attributes[1].required = true,
                &["/attributes/1/required"],
            ),
            (
                "a dimension less",
                |new| {
                    new.attributes[3].dimension = false;
                    new.groupings.remove(1);
                },
                &["/attributes/3/dimension", "/groupings"],
            ),
            (
                "a coarser rollup",
                |new| new.groupings[0].finest = Level::Day,
                &["/groupings"],
            ),
        ];
        for (name, change, expected) in cases {
            let mut new = flight();
            change(&mut new);
            let result = flight()
                .validate()
                .unwrap()
                .accepts_replacement(&new.validate().unwrap());
            let pointers: Vec<String> = result
                .err()
                .unwrap_or_default()
                .into_iter()
                .map(|problem| problem.pointer)
                .collect();
            assert_eq!(pointers, *expected, "{name}");
        }
    }
}
