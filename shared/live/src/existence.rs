//! Whether what is asked for exists: the catalogue's half of checking a `subscribe`.

use std::collections::BTreeSet;

use catalog::{Catalog, Kpi};
use series::filters::{ImpossibleValue, check_value};

use crate::message::escaped;
use crate::{Refusal, RefusalKind, Subscription};

/// Checks that each KPI is one of the catalogue and that its entities have the dimensions of the filter. A subscription's
/// place in the slice is its place in the message's `topics`.
///
/// # Errors
/// The first KPI or dimension that does not exist, with the nearest name that does.
pub fn check_existence(subscriptions: &[Subscription], catalog: &Catalog) -> Result<(), Refusal> {
    for (index, Subscription { topic, .. }) in subscriptions.iter().enumerate() {
        let place = format!("/topics/{index}");
        let kpi = catalog
            .kpi(&topic.kpi)
            .ok_or_else(|| unknown_kpi(&topic.kpi, &place, catalog))?;
        series::windows::check(kpi, topic.period).map_err(|detail| {
            Refusal::new(RefusalKind::InvalidField, detail)
                .at(format!("{place}/period"))
                .hint("subscribe by a period that the formula has a meaning for")
        })?;
        for (name, values) in &topic.filter {
            check_dimension(name, values, kpi, &place, catalog)?;
        }
    }
    Ok(())
}

/// A filter applies to all facts of a formula, so each of its entities must have the dimension, and values that it can have.
fn check_dimension(
    name: &str,
    values: &BTreeSet<String>,
    kpi: &Kpi,
    place: &str,
    catalog: &Catalog,
) -> Result<(), Refusal> {
    for code in kpi.formula.entities() {
        let dimensions = catalog.entity(code).into_iter().flat_map(|entity| entity.dimensions());
        let dimensions: Vec<_> = dimensions.map(|(_, attribute)| attribute).collect();
        if name.contains('.') {
            check_path(name, values, code, place, catalog)?;
            continue;
        }
        let Some(dimension) = dimensions.iter().find(|attribute| attribute.name == name) else {
            let names: Vec<&str> = dimensions.iter().map(|attribute| attribute.name.as_str()).collect();
            let refusal = unknown_dimension(name, code, &names, place);
            let renamed = dimensions
                .iter()
                .find(|attribute| attribute.formerly.iter().any(|former| former == name));
            return Err(match renamed {
                Some(renamed) => refusal.hint(format!("it was renamed to {}", renamed.name)),
                None => refusal,
            });
        };
        for value in values {
            check_value(name, dimension.kind, value).map_err(|wrong| impossible_value(wrong, place))?;
        }
    }
    Ok(())
}

/// What a path leads to is a dimension of another entity.
fn check_path(
    path: &str,
    values: &BTreeSet<String>,
    entity: &str,
    place: &str,
    catalog: &Catalog,
) -> Result<(), Refusal> {
    let Some(dimension) = catalog
        .attribute_at(entity, path)
        .filter(|attribute| attribute.dimension)
    else {
        let refusal = Refusal::new(
            RefusalKind::UnknownDimension,
            format!("{path:?} leads to no dimension from {entity}"),
        );
        return Err(refusal.at(format!("{place}/filter/{}", escaped(path))).hint(
            "a path goes along relationships to one object, and ends at a dimension: GET /v1/relationships lists them",
        ));
    };
    for value in values {
        check_value(path, dimension.kind, value).map_err(|wrong| impossible_value(wrong, place))?;
    }
    Ok(())
}

fn impossible_value(wrong: ImpossibleValue, place: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidField, wrong.detail)
        .at(format!("{place}/filter/{}", escaped(&wrong.dimension)))
        .hint(wrong.hint)
}

fn unknown_kpi(code: &str, place: &str, catalog: &Catalog) -> Refusal {
    let refusal = Refusal::new(RefusalKind::UnknownKpi, format!("there is no KPI {code:?}")).at(format!("{place}/kpi"));
    if let Some(renamed) = catalog.former_kpi(code) {
        return refusal.hint(format!("it was renamed to {}", renamed.code()));
    }
    match formula::closest(code, catalog.kpis().map(|kpi| kpi.code())) {
        Some(near) => refusal.hint(format!("did you mean {near}?")),
        None => refusal.hint("GET /v1/kpis lists them"),
    }
}

fn unknown_dimension(name: &str, entity: &str, names: &[&str], place: &str) -> Refusal {
    let refusal = Refusal::new(
        RefusalKind::UnknownDimension,
        format!("{name:?} is not a dimension of {entity}"),
    )
    .at(format!("{place}/filter/{}", escaped(name)));
    match formula::closest(name, names.iter().copied()) {
        Some(near) => refusal.hint(format!("did you mean {near}?")),
        None if names.is_empty() => refusal.hint(format!("{entity} has no dimensions")),
        None => refusal.hint(format!("the dimensions of {entity} are {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use catalog::{KpiDefinition, Period};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{Mode, Topic};

    fn catalog() -> Catalog {
        let entity = |code: &str, dimensions: &[&str]| {
            let mut attributes = vec![json!({"name": "amount", "type": "integer"})];
            attributes.extend(
                dimensions
                    .iter()
                    .map(|name| json!({"name": name, "type": "text", "dimension": true})),
            );
            serde_json::from_value(json!({"code": code, "domain": "aviation", "attributes": attributes})).unwrap()
        };
        let kpi = |code: &str, formula: &str| -> KpiDefinition {
            serde_json::from_value(json!({"code": code, "name": code, "formula": formula})).unwrap()
        };
        let entities = vec![entity("Flight", &["origin", "carrier"]), entity("Order", &["carrier"])];
        let kpis = vec![
            kpi("FLIGHTS", "COUNT(Flight)"),
            kpi("RATIO", "COUNT(Flight) / COUNT(Order)"),
            kpi("LAST_HOUR", "PREVIOUS(COUNT(Flight), 1, HOUR)"),
        ];
        Catalog::new(entities, kpis).unwrap()
    }

    fn subscription(kpi: &str, dimensions: &[&str]) -> Subscription {
        let filter = dimensions
            .iter()
            .map(|name| ((*name).to_owned(), ["x".to_owned()].into()))
            .collect();
        let topic = Topic {
            client: Uuid::nil(),
            kpi: kpi.to_owned(),
            period: Period::Minute,
            time_zone: None,
            filter,
        };
        Subscription {
            channel: 0,
            topic,
            mode: Mode::Live,
            buckets: 1,
        }
    }

    #[test]
    fn what_exists_passes() {
        let subscriptions = [
            subscription("FLIGHTS", &["origin", "carrier"]),
            subscription("RATIO", &["carrier"]),
        ];
        assert_eq!(check_existence(&subscriptions, &catalog()), Ok(()));
    }

    #[test]
    fn a_period_that_a_formula_has_no_window_for_is_refused() {
        let mut subscriptions = [subscription("LAST_HOUR", &[])];
        assert_eq!(check_existence(&subscriptions, &catalog()), Ok(()));
        subscriptions[0].topic.period = Period::Day;
        let refusal = check_existence(&subscriptions, &catalog()).unwrap_err();
        assert_eq!(refusal.pointer.as_deref(), Some("/topics/0/period"));
        assert!(refusal.detail.contains("ask by hour"), "{refusal}");
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        use RefusalKind::{UnknownDimension, UnknownKpi};
        let cases = [
            ("FLIGTHS", "", UnknownKpi, "/topics/1/kpi", "did you mean FLIGHTS?"),
            (
                "COSTS_OF_FUEL",
                "",
                UnknownKpi,
                "/topics/1/kpi",
                "GET /v1/kpis lists them",
            ),
            (
                "FLIGHTS",
                "orgin",
                UnknownDimension,
                "/topics/1/filter/orgin",
                "did you mean origin?",
            ),
            (
                "FLIGHTS",
                "amount",
                UnknownDimension,
                "/topics/1/filter/amount",
                "the dimensions of Flight are origin, carrier",
            ),
            (
                "RATIO",
                "origin",
                UnknownDimension,
                "/topics/1/filter/origin",
                "the dimensions of Order are carrier",
            ),
        ];
        for (kpi, dimension, kind, pointer, hint) in cases {
            let dimensions: Vec<&str> = [dimension].into_iter().filter(|name| !name.is_empty()).collect();
            let subscriptions = [subscription("FLIGHTS", &[]), subscription(kpi, &dimensions)];
            let refusal = check_existence(&subscriptions, &catalog()).unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.pointer.as_deref()),
                (kind, Some(pointer)),
                "{refusal}"
            );
            assert_eq!(refusal.hint.as_deref(), Some(hint), "{refusal}");
        }
    }

    #[test]
    fn a_value_fits_the_type_of_its_dimension() {
        let attributes = json!([{ "name": "late", "type": "boolean", "dimension": true },
            { "name": "stops", "type": "integer", "dimension": true }]);
        let entity = json!({ "code": "Flight", "domain": "aviation", "attributes": attributes });
        let kpi = json!({ "code": "FLIGHTS", "name": "Flights", "formula": "COUNT(Flight)" });
        let entities = vec![serde_json::from_value(entity).unwrap()];
        let catalog = Catalog::new(entities, vec![serde_json::from_value(kpi).unwrap()]).unwrap();
        for (name, value, is_possible) in [
            ("late", "true", true),
            ("late", "false", true),
            ("late", "", true),
            ("late", "TRUE", false),
            ("late", "maybe", false),
            ("stops", "2", true),
            ("stops", "", true),
            ("stops", "2.0", false),
        ] {
            let mut asked = subscription("FLIGHTS", &[]);
            asked.topic.filter.insert(name.to_owned(), [value.to_owned()].into());
            let refused = check_existence(&[asked], &catalog).map_err(|refusal| (refusal.kind, refusal.pointer));
            let expected = (RefusalKind::InvalidField, Some(format!("/topics/0/filter/{name}")));
            assert_eq!(refused, if is_possible { Ok(()) } else { Err(expected) }, "{value:?}");
        }
    }
}
