//! From an entity's definition to a valid entity, or to everything that is wrong with it.

mod keys;

use crate::definition::{AttributeDefinition, DecimalMark, Delimiter, EntityDefinition, GroupingDefinition};
use crate::entity::Entity;
use crate::level::Level;
use crate::names::{
    ATTRIBUTE, DOMAIN, ENTITY_CODE, STATE_SUFFIXES, check_description, check_former, check_label, check_required_label,
    check_reserved, quoted,
};
use crate::problem::{Problem, none_or};
use crate::sketch::check_sketches;
use crate::zone::Zone;
use crate::{MAX_ATTRIBUTES, MAX_FORMER_NAMES, MAX_GROUPING_DIMENSIONS, MAX_GROUPINGS, derived};
use formula::{Attribute, AttributeType, RowFormula, closest};
use jiff::tz::TimeZone;

impl EntityDefinition {
    /// Checks the definition by itself, and puts the dimensions of its groupings in the order in which their values are kept.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate(mut self) -> Result<Entity, Vec<Problem>> {
        for grouping in &mut self.groupings {
            grouping.dimensions.sort();
        }
        self.validate_in_order()
    }

    /// The same of a definition that is stored: its dimensions are in the order in which their values are kept, also where they were renamed since.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate_in_order(self) -> Result<Entity, Vec<Problem>> {
        let mut problems = Vec::new();
        check_entity(&self, &mut problems);
        if self.attributes.len() > MAX_ATTRIBUTES {
            // What follows compares attributes with each other, and is not for unbounded lists.
            problems.push(Problem::new(
                "/attributes",
                format!("{} attributes, and {MAX_ATTRIBUTES} are allowed", self.attributes.len()),
            ));
            return Err(problems);
        }
        check_attributes(&self, &mut problems);
        keys::check(&self, &mut problems);
        check_sketches(&self, &mut problems);
        let groupings = check_groupings(&self, &mut problems);
        let zone = check_zone(&self, &mut problems);
        let mut attributes: Vec<Attribute> = self.attributes.iter().map(for_formulas).collect();
        attributes.push(own_time(&self));
        let derived = derived::compile(&self.attributes, &attributes, &mut problems);
        tell_differences(&derived, &mut attributes);
        none_or(problems, || Entity {
            definition: self,
            attributes,
            derived,
            groupings,
            zone,
        })
    }

    fn attribute(&self, name: &str) -> Option<&AttributeDefinition> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

fn for_formulas(definition: &AttributeDefinition) -> Attribute {
    Attribute {
        name: definition.name.clone(),
        kind: definition.kind,
        dimension: definition.dimension,
        required: definition.required,
        difference: None,
    }
}

/// The time of every fact, which formulas may name as they name attributes. It is no attribute, and comes after all of them.
fn own_time(entity: &EntityDefinition) -> Attribute {
    Attribute {
        name: entity.time.clone(),
        kind: AttributeType::Time,
        dimension: false,
        required: true,
        difference: None,
    }
}

/// Tells which attributes are the difference of two times, so that formulas which say the same are answered from rollups.
fn tell_differences(derived: &[(usize, RowFormula)], attributes: &mut [Attribute]) {
    for (index, formula) in derived {
        let Some(places) = formula.difference() else { continue };
        let names = places.map(|place| attributes.get(place).map(|attribute| attribute.name.clone()));
        if let ([Some(to), Some(from)], Some(attribute)) = (names, attributes.get_mut(*index)) {
            attribute.difference = Some([to, from]);
        }
    }
}

fn check_entity(entity: &EntityDefinition, problems: &mut Vec<Problem>) {
    ENTITY_CODE.check("/code", &entity.code, problems);
    check_former("/formerly", &entity.formerly, &ENTITY_CODE, problems);
    DOMAIN.check("/domain", &entity.domain, problems);
    if entity.domain.starts_with("pg_") {
        problems.push(
            Problem::new("/domain", "schemas that start with `pg_` belong to the database")
                .with_hint("choose another domain"),
        );
    }
    check_description("/description", &entity.description, problems);
    check_required_label("/time", &entity.time, problems);
    if let Some(index) = entity
        .attributes
        .iter()
        .position(|attribute| attribute.name == entity.time)
    {
        let message = format!(
            "{} is the event's time, which every fact has already",
            quoted(&entity.time)
        );
        problems.push(
            Problem::new(format!("/attributes/{index}/name"), message)
                .with_hint("remove the attribute, or read the time from another field"),
        );
    }
}

/// The declared zone. Where numbers have decimal commas, fields can't be told apart by commas.
fn check_zone(entity: &EntityDefinition, problems: &mut Vec<Problem>) -> Option<TimeZone> {
    if entity.csv.delimiter == Delimiter::Comma && entity.csv.decimal == DecimalMark::Comma {
        let message = "numbers with decimal commas can't be told from fields between commas";
        let hint = "declare the delimiter too, as \"semicolon\" or \"tab\"";
        problems.push(Problem::new("/csv/delimiter", message).with_hint(hint));
    }
    let name = entity.time_zone.as_deref()?;
    match name.parse::<Zone>() {
        Ok(zone) => Some(zone.time_zone().clone()),
        Err(unknown) => {
            problems.push(Problem::new("/time_zone", unknown.to_string()).with_hint(unknown.hint()));
            None
        }
    }
}

fn check_attributes(entity: &EntityDefinition, problems: &mut Vec<Problem>) {
    for (index, attribute) in entity.attributes.iter().enumerate() {
        let pointer = |field: &str| format!("/attributes/{index}/{field}");
        ATTRIBUTE.check(&pointer("name"), &attribute.name, problems);
        check_reserved(&pointer("name"), &attribute.name, problems);
        if entity
            .attributes
            .iter()
            .take(index)
            .any(|earlier| earlier.name == attribute.name)
        {
            problems.push(Problem::new(
                pointer("name"),
                format!("there are two attributes {}", quoted(&attribute.name)),
            ));
        }
        check_former(&pointer("formerly"), &attribute.formerly, &ATTRIBUTE, problems);
        check_former_attribute(index, attribute, entity, problems);
        check_state_name(&pointer("name"), attribute, entity, problems);
        check_label(
            &pointer("unit"),
            attribute.unit.as_deref().unwrap_or_default(),
            problems,
        );
        check_description(&pointer("description"), &attribute.description, problems);
        if let Some((what, hint)) = no_dimension(attribute) {
            let message = format!("{} is {what}", quoted(&attribute.name));
            problems.push(Problem::new(pointer("dimension"), message).with_hint(hint));
        }
        if attribute.required && attribute.formula.is_some() {
            let message = format!("{} is computed, so no event can lack it", quoted(&attribute.name));
            problems.push(
                Problem::new(pointer("required"), message).with_hint("require the attributes that it is computed from"),
            );
        }
    }
}

/// Why an attribute that is declared a dimension can't be one, and what to do.
fn no_dimension(attribute: &AttributeDefinition) -> Option<(&'static str, &'static str)> {
    match attribute.kind {
        _ if !attribute.dimension => None,
        AttributeType::Decimal => Some((
            "a decimal, which is measured and not grouped by",
            "derive bands from it and make those the dimension",
        )),
        AttributeType::Duration => Some((
            "a duration, which is measured and not grouped by",
            "derive bands from it and make those the dimension, as in HOURS(closed - opened) <= 4",
        )),
        AttributeType::Time => Some((
            "a time, of which nearly every fact has another",
            "derive a dimension from it, as in closed <= due",
        )),
        AttributeType::Integer | AttributeType::Boolean | AttributeType::Text => None,
    }
}

/// A rollup has columns for its dimensions and for the states of numeric attributes, so a dimension can't have the name of a state.
fn check_state_name(
    pointer: &str,
    attribute: &AttributeDefinition,
    entity: &EntityDefinition,
    problems: &mut Vec<Problem>,
) {
    let measured = attribute
        .name
        .rsplit_once('_')
        .filter(|(_, suffix)| attribute.dimension && STATE_SUFFIXES.contains(suffix))
        .and_then(|(measured, _)| entity.attribute(measured))
        .filter(|measured| measured.kind.is_numeric());
    if let Some(measured) = measured {
        let message = format!(
            "{} is what rollups call a column of the number {}, so it cannot be a dimension",
            quoted(&attribute.name),
            quoted(&measured.name)
        );
        problems.push(Problem::new(pointer, message).with_hint("choose another name"));
    }
}

/// A field of an event is one attribute: what one was called nothing else is.
fn check_former_attribute(
    index: usize,
    attribute: &AttributeDefinition,
    entity: &EntityDefinition,
    problems: &mut Vec<Problem>,
) {
    for (position, name) in attribute.formerly.iter().enumerate().take(MAX_FORMER_NAMES) {
        let pointer = format!("/attributes/{index}/formerly/{position}");
        let taken = entity
            .attributes
            .iter()
            .enumerate()
            .find(|(other, taken)| taken.name == *name || (*other != index && taken.formerly.contains(name)));
        let message = match taken {
            Some((_, taken)) => format!("{} is a name of {} too, or was", quoted(name), quoted(&taken.name)),
            None if *name == entity.time => format!("{} is the event's time", quoted(name)),
            None => continue,
        };
        problems.push(Problem::new(pointer, message).with_hint("leave it out once no event has it any more"));
    }
}

/// Returns the groupings with the one without dimensions first.
fn check_groupings(entity: &EntityDefinition, problems: &mut Vec<Problem>) -> Vec<GroupingDefinition> {
    let mut kept = vec![GroupingDefinition::default()];
    let declared = entity
        .groupings
        .iter()
        .filter(|grouping| !grouping.dimensions.is_empty())
        .count();
    if declared + 1 > MAX_GROUPINGS || entity.groupings.len() > MAX_GROUPINGS {
        let message = format!(
            "{} groupings, and {MAX_GROUPINGS} are allowed with the one that has no dimensions",
            entity.groupings.len()
        );
        problems.push(Problem::new("/groupings", message));
        return kept;
    }
    for (index, grouping) in entity.groupings.iter().enumerate() {
        let pointer = format!("/groupings/{index}");
        check_grouping(&pointer, grouping, entity, problems);
        if entity
            .groupings
            .iter()
            .take(index)
            .any(|earlier| earlier.has_the_dimensions_of(grouping))
        {
            problems.push(Problem::new(&pointer, "an earlier grouping has the same dimensions"));
        } else if !grouping.dimensions.is_empty() {
            kept.push(grouping.clone());
        } else if grouping.finest != Level::Minute {
            problems.push(Problem::new(
                format!("{pointer}/finest"),
                "the grouping without dimensions is always kept by minute",
            ));
        }
    }
    kept
}

fn check_grouping(
    pointer: &str,
    grouping: &GroupingDefinition,
    entity: &EntityDefinition,
    problems: &mut Vec<Problem>,
) {
    let pointer = format!("{pointer}/dimensions");
    if grouping.dimensions.len() > MAX_GROUPING_DIMENSIONS {
        let message = format!(
            "{} dimensions, and {MAX_GROUPING_DIMENSIONS} are allowed",
            grouping.dimensions.len()
        );
        problems.push(Problem::new(pointer, message));
        return;
    }
    for (index, name) in grouping.dimensions.iter().enumerate() {
        // Dimensions are in order by now, so a pointer to one of them would miss.
        if grouping.dimensions.iter().take(index).any(|earlier| earlier == name) {
            problems.push(Problem::new(
                &pointer,
                format!("{} is in the grouping twice", quoted(name)),
            ));
            continue;
        }
        match entity.attribute(name) {
            None => problems.push(no_such(&pointer, name, entity, |attribute| attribute.dimension)),
            Some(attribute) if !attribute.dimension => {
                let message = format!("{} is not a dimension", quoted(name));
                problems.push(
                    Problem::new(&pointer, message)
                        .with_hint("set \"dimension\": true on the attribute, if it has few values"),
                );
            }
            Some(_) => {}
        }
    }
}

fn no_such(pointer: &str, name: &str, entity: &EntityDefinition, fits: fn(&AttributeDefinition) -> bool) -> Problem {
    let problem = Problem::new(pointer, format!("there is no attribute {}", quoted(name)));
    let candidates = entity
        .attributes
        .iter()
        .filter(|attribute| fits(attribute))
        .map(|attribute| attribute.name.as_str());
    match closest(name, candidates) {
        Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

#[cfg(test)]
mod tests;
