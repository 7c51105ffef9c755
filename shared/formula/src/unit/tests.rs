#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::reference::Referred;
use crate::value::{Attribute, AttributeType, Entities, Leads};
use crate::{Formula, check_bound, compile, parse};

const ATTRIBUTES: &[(&str, &str)] = &[
    ("amount", "EUR"),
    ("cost", "EUR"),
    ("fee", "USD"),
    ("weight", "kg"),
    ("rate", "EUR/USD"),
    ("price", "EUR / kg"),
    ("discount", "%"),
    ("pieces", ""),
    ("mass", "KG"),
    ("currency", ""),
];

/// Orders, whose attributes have units, and a KPI.
struct Shop {
    attributes: Vec<Attribute>,
    kpi: Option<Formula>,
}

impl Entities for Shop {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        matches!(entity, "Order" | "Rate").then_some(self.attributes.as_slice())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        vec!["Order", "Rate"]
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        let leads = Leads {
            to: "Rate",
            is_to_one: true,
        };
        ([entity, attribute] == ["Order", "currency"]).then_some(leads)
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        self.kpi.as_ref().filter(|_| code == "REVENUE").map(Referred::Formula)
    }

    fn unit(&self, _entity: &str, attribute: &str) -> Option<Unit> {
        let (_, unit) = ATTRIBUTES.iter().find(|(name, _)| *name == attribute)?;
        Unit::declared(unit)
    }
}

fn shop() -> Shop {
    let attribute = |name: &str, kind, dimension| Attribute {
        name: name.to_owned(),
        kind,
        dimension,
        required: false,
        difference: None,
    };
    let attributes = ATTRIBUTES
        .iter()
        .map(|(name, _)| attribute(name, AttributeType::Decimal, false));
    let mut shop = Shop {
        attributes: attributes.collect(),
        kpi: None,
    };
    shop.kpi = Some(compile("SUM(Order.amount)", &shop).unwrap());
    shop
}

#[test]
fn declarations_are_products_of_words() {
    for (text, shown) in [
        ("EUR", Some("EUR")),
        (" EUR / kg ", Some("EUR/kg")),
        ("kg*m/s/s", Some("kg*m/s/s")),
        ("m·kg", Some("kg*m")),
        ("1/h", Some("1/h")),
        ("%", Some("1")),
        ("EUR/EUR", Some("1")),
        ("per thousand", Some("per thousand")),
        ("km/", Some("km/")),
        ("", None),
        (" ", None),
    ] {
        let unit = Unit::declared(text);
        assert_eq!(unit.as_ref().map(ToString::to_string).as_deref(), shown, "{text:?}");
    }
    assert_eq!(Unit::declared("km/h"), Unit::declared("km / h"));
    assert_eq!(Unit::declared("EUR").unwrap().currency(), Some("EUR"));
    for no_currency in ["EUR/kg", "RPM", "eur", "%"] {
        assert_eq!(Unit::declared(no_currency).unwrap().currency(), None, "{no_currency}");
    }
}

#[test]
fn units_are_combined() {
    let shop = shop();
    for (source, unit) in [
        ("SUM(Order.amount)", Some("EUR")),
        ("SUM(Order.amount) - COALESCE(SUM(Order.cost), 0)", Some("EUR")),
        ("1.05 * MAX(Order.amount) + 10", Some("EUR")),
        ("SUM(Order.amount) / COUNT(Order)", Some("EUR")),
        ("SUM(Order.amount) / SUM(Order.weight)", Some("EUR/kg")),
        ("AVG(Order.price) * SUM(Order.weight) + SUM(Order.amount)", Some("EUR")),
        ("SUM(Order.fee) * AVG(Order.rate) + SUM(Order.amount)", Some("EUR")),
        // By the rate of each fact's own time.
        ("SUM(Order.fee * Order.currency.rate)", Some("EUR")),
        ("SUM(Order.fee * currency.rate) + SUM(Order.amount)", Some("EUR")),
        (
            "SUM_PER(MAX(Order.fee * currency.rate), DAY) - SUM(Order.amount)",
            Some("EUR"),
        ),
        ("SUM(Order.amount) * AVG(Order.discount) - SUM(Order.cost)", Some("EUR")),
        ("100 * SUM(Order.cost) / SUM(Order.amount)", Some("1")),
        ("1 / SUM(Order.weight)", Some("1/kg")),
        ("POWER(SUM(Order.weight), 2) / SUM(Order.weight)", Some("kg")),
        ("ROUND(ABS(-SUM(Order.amount)), 2)", Some("EUR")),
        ("GREATEST(SUM(Order.amount), 0)", Some("EUR")),
        (
            "IF(SUM(Order.weight) > 5, SUM(Order.amount), SUM(Order.cost))",
            Some("EUR"),
        ),
        ("CASE WHEN SUM(Order.amount) > SUM(Order.cost) THEN 1 ELSE 0 END", None),
        ("REVENUE / SUM(Order.weight)", Some("EUR/kg")),
        ("SUM(Order.amount) IN (1, 2)", None),
        // What declares none goes with everything.
        ("SUM(Order.amount) + SUM(Order.pieces)", Some("EUR")),
        ("SUM(Order.amount) + COUNT(Order)", Some("EUR")),
        ("SUM(Order.amount) * SUM(Order.pieces) + SUM(Order.weight)", Some("kg")),
        ("LN(SUM(Order.amount)) + SUM(Order.weight)", Some("kg")),
        ("COUNT(Order)", None),
        ("SUM(Order.pieces)", None),
        ("POWER(POWER(POWER(SUM(Order.weight), 9), 9), 9)", None),
    ] {
        let (quantity, mistakes) = unit_of(&parse(source).tree, &shop);
        let unit_found = match quantity {
            Quantity::Of(unit) => Some(unit.to_string()),
            Quantity::Unknown | Quantity::Plain => None,
        };
        assert_eq!((unit_found.as_deref(), mistakes), (unit, vec![]), "{source}");
    }
}

#[test]
fn what_is_of_different_units_is_refused_at_both_places() {
    let shop = shop();
    for (source, places, hint) in [
        (
            "SUM(Order.amount) + SUM(Order.weight)",
            vec![0..17, 20..37],
            "a number in EUR/kg makes",
        ),
        (
            "SUM(Order.amount) - SUM(Order.fee)",
            vec![0..17, 20..34],
            "multiply the one in USD by a number in EUR/USD, such as each fact by the rate of its own time",
        ),
        (
            "SUM(Order.amount * currency.rate) + SUM(Order.amount)",
            vec![0..33, 36..53],
            "one unit",
        ),
        (
            "SUM(Order.weight) + SUM(Order.mass)",
            vec![0..17, 20..35],
            "write the unit alike",
        ),
        (
            "REVENUE + 1 + SUM(Order.fee)",
            vec![0..11, 14..28],
            "currency is converted",
        ),
        (
            "SUM(Order.cost) / SUM(Order.amount) + SUM(Order.cost)",
            vec![0..35, 38..53],
            "multiply the ratio",
        ),
        (
            "COALESCE(SUM(Order.amount), 0, SUM(Order.weight))",
            vec![9..26, 31..48],
            "one unit",
        ),
        (
            "IF(COUNT(Order) > 1, SUM(Order.amount), SUM(Order.weight))",
            vec![21..38, 40..57],
            "one unit",
        ),
        (
            "IF(SUM(Order.amount) > SUM(Order.weight), 1, 0)",
            vec![3..20, 23..40],
            "one unit",
        ),
        (
            "LEAST(SUM(Order.amount), SUM(Order.weight))",
            vec![6..23, 25..42],
            "one unit",
        ),
        (
            "SUM(Order.amount) * SUM(Order.fee) + SUM(Order.amount)",
            vec![0..34, 37..54],
            "one unit",
        ),
    ] {
        let found = compile(source, &shop).unwrap_err();
        assert!(
            found.iter().all(|found| found.code == "different-units"),
            "{source}: {found:?}"
        );
        let spans: Vec<_> = found.iter().map(|found| found.span.clone()).collect();
        assert_eq!(spans, places, "{source}");
        assert!(found[0].hint.as_ref().unwrap().contains(hint), "{source}: {found:?}");
        // What was accepted before is computed on.
        let known = crate::check_known(&parse(source), &shop).unwrap();
        assert!(known.mixes_units() && known.unit().is_none(), "{source}");
    }
    let found = compile("SUM(Order.amount) + SUM(Order.weight)", &shop).unwrap_err();
    assert_eq!(
        found[0].message,
        "`SUM(Order.amount)` is in EUR, and `SUM(Order.weight)` is in kg: they can't be added"
    );
}

#[test]
fn rows_and_bounds_have_units_too() {
    let shop = shop();
    for (source, mistakes) in [
        ("amount - cost", 0),
        ("amount - weight", 2),
        ("amount * 0.9 > cost", 0),
        ("amount > fee", 2),
        ("amount + pieces", 0),
        ("weight * price - amount", 0),
    ] {
        assert_eq!(unit_mistakes_of_row(source, "Order", &shop).len(), mistakes, "{source}");
    }
    let revenue = shop.kpi.clone().unwrap();
    for (source, codes) in [
        ("1000", vec![]),
        ("1.05 * REVENUE", vec![]),
        ("SUM(Order.cost)", vec![]),
        ("SUM(Order.fee)", vec!["different-units"]),
        (
            "SUM(Order.cost) + SUM(Order.fee)",
            vec!["different-units", "different-units"],
        ),
    ] {
        let found = check_bound(&parse(source), &shop, &revenue).err().unwrap_or_default();
        assert_eq!(
            found.iter().map(|found| found.code).collect::<Vec<_>>(),
            codes,
            "{source}"
        );
    }
}

#[test]
fn a_conversion_is_refused_with_what_can_be_done() {
    let found = compile("CONVERT(SUM(Order.fee), 'EUR') + COUNT(Order)", &shop()).unwrap_err();
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.code, found.span.clone()), ("no-conversion", 0..7));
}
