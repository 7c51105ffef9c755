//! What identifies facts, and the objects whose state they tell.

use super::no_such;
use crate::MAX_KEY;
use crate::definition::EntityDefinition;
use crate::names::quoted;
use crate::problem::Problem;

/// A key identifies facts, and a state's attributes identify the object that it is of, so each of them is in every event.
pub(super) fn check(entity: &EntityDefinition, problems: &mut Vec<Problem>) {
    check_names("key", &entity.key, entity, problems);
    check_names("state", &entity.state, entity, problems);
    if !entity.key.is_empty() && !entity.state.is_empty() {
        let message = "a fact of a state is identified by its object and its time, and needs no key";
        let hint = "leave the key out: another fact of the same object and time replaces the earlier one";
        problems.push(Problem::new("/key", message).with_hint(hint));
    }
}

fn check_names(member: &str, names: &[String], entity: &EntityDefinition, problems: &mut Vec<Problem>) {
    if names.len() > MAX_KEY {
        problems.push(Problem::new(
            format!("/{member}"),
            format!("{} attributes in the {member}, and {MAX_KEY} are allowed", names.len()),
        ));
        return;
    }
    for (index, name) in names.iter().enumerate() {
        let pointer = format!("/{member}/{index}");
        if names.iter().take(index).any(|earlier| earlier == name) {
            problems.push(Problem::new(
                &pointer,
                format!("{} is in the {member} twice", quoted(name)),
            ));
        }
        match entity.attribute(name) {
            None => problems.push(no_such(&pointer, name, entity, |_| true)),
            Some(attribute) if attribute.formula.is_some() => {
                problems.push(Problem::new(
                    &pointer,
                    format!("{} is computed, and a {member} is read from the event", quoted(name)),
                ));
            }
            Some(attribute) if !attribute.required => {
                let message = format!("{} is in the {member}, so every event needs it", quoted(name));
                problems.push(Problem::new(&pointer, message).with_hint("make the attribute required"));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::fixtures::flight;

    #[test]
    fn an_object_is_identified_by_what_every_event_has() {
        let cases: [(&[&str], &[&str], &[&str]); 5] = [
            (&["delay"], &[], &[]),
            (&["origin"], &[], &["/state/0"]),
            (&["on_time"], &[], &["/state/0"]),
            (&["delay", "delay"], &[], &["/state/1"]),
            (&["delay"], &["delay"], &["/key"]),
        ];
        for (state, key, pointers) in cases {
            let mut definition = flight();
            definition.state = state.iter().map(|name| (*name).to_owned()).collect();
            definition.key = key.iter().map(|name| (*name).to_owned()).collect();
            let problems = definition.validate().err().unwrap_or_default();
            let found: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{state:?} {key:?}");
        }
    }
}
