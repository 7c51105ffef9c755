#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::value::{AttributeType, Leads};
use crate::{MAX_LOOKUPS, Renames, Subject, Unit, advise, compile, compile_row, complete, rename};
use std::collections::BTreeMap;

/// Orders of customers, who live in countries of regions; products; and visits, of which a customer has any number.
struct Shop(BTreeMap<&'static str, Vec<Attribute>>);

fn shop() -> Shop {
    use AttributeType::{Boolean, Decimal, Integer, Text, Time};
    let entity = |attributes: &[(&str, AttributeType, bool)]| {
        let attributes = attributes.iter().map(|(name, kind, dimension)| Attribute {
            name: (*name).to_owned(),
            kind: *kind,
            dimension: *dimension,
            required: false,
            difference: None,
        });
        attributes.collect::<Vec<_>>()
    };
    let order = [
        ("customer", Text, false),
        ("product", Text, false),
        ("quantity", Integer, false),
        ("amount", Decimal, false),
        ("placed", Time, false),
        ("visit", Text, false),
        ("channel", Text, true),
    ];
    let customer = [
        ("id", Text, false),
        ("segment", Text, true),
        ("age", Integer, false),
        ("since", Time, false),
        ("active", Boolean, true),
        ("country", Text, false),
        ("referred_by", Text, false),
    ];
    Shop(BTreeMap::from([
        ("Order", entity(&order)),
        ("Customer", entity(&customer)),
        ("Product", entity(&[("sku", Text, false), ("price", Decimal, false)])),
        (
            "Country",
            entity(&[("code", Text, false), ("region", Text, true), ("rate", Decimal, false)]),
        ),
        ("Visit", entity(&[("number", Text, false), ("length", Integer, false)])),
    ]))
}

impl Entities for Shop {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.0.get(entity).map(Vec::as_slice)
    }

    fn is_state(&self, entity: &str) -> bool {
        entity == "Customer"
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().copied().collect()
    }

    fn unit(&self, entity: &str, attribute: &str) -> Option<Unit> {
        match (entity, attribute) {
            ("Order", "quantity") => Unit::declared("pcs"),
            ("Order", "amount") => Unit::declared("EUR"),
            ("Product", "price") => Unit::declared("EUR/pcs"),
            _ => None,
        }
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        let (to, is_to_one) = match (entity, attribute) {
            ("Order", "customer") => ("Customer", true),
            ("Order", "product") => ("Product", true),
            ("Order", "visit") => ("Visit", false),
            ("Customer", "country") => ("Country", true),
            ("Customer", "referred_by") => ("Customer", true),
            _ => return None,
        };
        Some(Leads { to, is_to_one })
    }

    fn referring(&self, entity: &str) -> Vec<[&str; 2]> {
        match entity {
            "Customer" => vec![["Order", "customer"]],
            _ => Vec::new(),
        }
    }
}

#[test]
fn paths_are_followed_wherever_an_attribute_may_stand() {
    for (source, printed, measures) in [
        (
            "sum(Order.amount where customer . segment='gold')",
            "SUM(Order.amount WHERE customer.segment = 'gold')",
            vec!["SUM(Order.amount WHERE (customer.segment = 'gold'))"],
        ),
        (
            "COUNT(DISTINCT Order.customer.segment)",
            "COUNT(DISTINCT Order.customer.segment)",
            vec!["COUNT(DISTINCT Order.customer.segment)"],
        ),
        (
            "SUM(Order.quantity * product.price)",
            "SUM(Order.quantity * product.price)",
            vec!["SUM(Order.quantity * Order.product.price)"],
        ),
        (
            "SUM(Order.quantity*Order.product.price) + SUM(Order.quantity * product.price)",
            "SUM(Order.quantity * Order.product.price) + SUM(Order.quantity * product.price)",
            vec!["SUM(Order.quantity * Order.product.price)"],
        ),
        (
            "SUM(Order.quantity * amount)",
            "SUM(Order.quantity * Order.amount)",
            vec!["SUM(Order.quantity * Order.amount)"],
        ),
        (
            "AVG(Order.customer.country.rate WHERE customer.country.region IN ('eu') AND customer.age > 30)",
            "AVG(Order.customer.country.rate WHERE customer.country.region IN ('eu') AND customer.age > 30)",
            vec![
                "AVG(Order.customer.country.rate WHERE ((customer.country.region IN ('eu')) AND (customer.age > 30)))",
            ],
        ),
        (
            "DAYS(AVG(Order.placed - customer.since))",
            "DAYS(AVG(Order.placed - customer.since))",
            vec!["AVG(Order.placed - Order.customer.since)"],
        ),
        (
            "WEIGHTED_AVG(Order.customer.age, product.price)",
            "WEIGHTED_AVG(Order.customer.age, product.price)",
            vec!["WEIGHTED_AVG(Order.customer.age, Order.product.price)"],
        ),
        // What is subtracted is of the order, though a path stands before it.
        (
            "CORRELATION(Order.quantity, customer.since - placed)",
            "CORRELATION(Order.quantity, customer.since - Order.placed)",
            vec!["CORRELATION(Order.quantity, Order.customer.since - Order.placed)"],
        ),
        (
            "ALL(Order.customer.active)",
            "ALL(Order.customer.active)",
            vec!["COUNT(Order.customer.active)", "COUNT(Order WHERE customer.active)"],
        ),
        (
            "COUNT(Order WHERE customer.referred_by.referred_by.segment = 'gold')",
            "COUNT(Order WHERE customer.referred_by.referred_by.segment = 'gold')",
            vec!["COUNT(Order WHERE (customer.referred_by.referred_by.segment = 'gold'))"],
        ),
    ] {
        let formula = compile(source, &shop()).unwrap_or_else(|found| panic!("{source}: {found:?}"));
        let found: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(found, measures, "{source}");
        assert_eq!(crate::format(source).as_deref(), Some(printed), "{source}");
        let again = compile(printed, &shop()).unwrap();
        assert_eq!(again.measures, formula.measures, "{source}");
        for measure in &formula.measures {
            assert!(measure.is_pushed(&|name| !is_path(name)), "{measure}");
            let of_measure = compile(&measure.to_string(), &shop()).unwrap();
            assert_eq!(of_measure.measures, std::slice::from_ref(measure), "{measure}");
        }
    }
}

#[test]
fn what_leads_nowhere_or_to_many_is_refused_with_the_way_out() {
    let seven = "COUNT(Order WHERE customer.age = 1 AND product.price = 1 AND customer.country.rate = 1 AND customer.referred_by.age = 1 AND customer.referred_by.country.rate = 1 AND customer.referred_by.referred_by.age = 1) + COUNT(Customer WHERE country.region = 'eu')";
    let last = "COUNT(Customer WHERE country.region = 'eu')";
    for (source, place, code, hint) in [
        (
            "COUNT(Order WHERE customer.segmnet = 'x')",
            "segmnet",
            "unknown-attribute",
            "did you mean `segment`?",
        ),
        (
            "AVG(Order.customer.aeg)",
            "aeg",
            "unknown-attribute",
            "did you mean `age`?",
        ),
        (
            "COUNT(Order WHERE custmer.age = 1)",
            "custmer",
            "unknown-attribute",
            "did you mean `customer`?",
        ),
        (
            "COUNT(Order WHERE channel.name = 'x')",
            "channel",
            "no-relationship",
            "\"attribute\": \"channel\"",
        ),
        (
            "SUM(Order.visit.length)",
            "visit",
            "path-to-many",
            "aggregate Visit itself",
        ),
        (
            "SUM(Customer.orders.amount WHERE segment = 'gold' AND country.region = 'eu')",
            "orders.amount",
            "path-to-many",
            "SUM(Order.amount WHERE customer.segment = 'gold' AND customer.country.region = 'eu')",
        ),
        (
            "COUNT(Customer WHERE Order.amount > 100)",
            "Order",
            "path-to-many",
            "COUNT(DISTINCT Order.customer WHERE …)",
        ),
        (
            "COUNT(Order WHERE customer.referred_by.referred_by.referred_by.age = 1)",
            "customer.referred_by.referred_by.referred_by.age",
            "path-too-long",
            "nearer",
        ),
        (seven, last, "too-many-paths", "several KPIs"),
        (
            "AT_END(SUM(Customer.age WHERE country.region = 'eu'))",
            "SUM(Customer.age WHERE country.region = 'eu')",
            "path-of-state",
            "Customer",
        ),
        (
            "LEFT(Customer WHERE country.region = 'eu')",
            "LEFT(Customer WHERE country.region = 'eu')",
            "path-of-state",
            "Customer",
        ),
        (
            "COUNT(Order WHERE customer.age * 2 > 1)",
            "customer.age * 2 > 1",
            "computed-condition",
            "derived attribute",
        ),
        ("SUM(Order.customer.segment)", "customer.segment", "not-a-number", ""),
        (
            "SUM(Order.quantity * customer.segment)",
            "customer.segment",
            "not-a-number",
            "",
        ),
        (
            "SUM(Order.quantity * Product.price)",
            "Product",
            "different-entities",
            "Order.quantity * Order.price",
        ),
        (
            "SUM(Order.quantity * 2)",
            "*",
            "unexpected-in-aggregate",
            "derived attribute",
        ),
        (
            "COUNT(Order WHERE Order.amount > 1)",
            "Order.amount",
            "path-in-row",
            "write amount",
        ),
        (
            "COUNT(Order WHERE Product.price > 1)",
            "Product.price",
            "path-in-row",
            "",
        ),
        (
            "COUNT(Order WHERE customer.segment > 1)",
            "customer.segment > 1",
            "type-mismatch",
            "",
        ),
    ] {
        let refused = compile(source, &shop()).unwrap_err();
        let [only] = refused.as_slice() else {
            panic!("{source}: {refused:?}")
        };
        assert_eq!(
            (only.code, source.get(only.span.clone())),
            (code, Some(place)),
            "{source}: {only:?}"
        );
        assert!(
            only.hint.as_deref().unwrap_or_default().contains(hint),
            "{source}: {only:?}"
        );
    }
    assert_eq!(MAX_LOOKUPS, 6);
    // As many as are allowed.
    assert!(compile(&seven.replace(&format!(" + {last}"), ""), &shop()).is_ok());
}

#[test]
fn a_derived_attribute_looks_nothing_up() {
    let shop = shop();
    let refused = compile_row("customer.age > 30", shop.attributes("Order").unwrap()).unwrap_err();
    let told: Vec<_> = refused
        .iter()
        .map(|found| (found.code, found.hint.as_deref()))
        .collect();
    let hint = "name customer.age in the formula of a KPI, or in `by` and `filter` of a question";
    assert_eq!(told, [("path-in-row", Some(hint))]);
}

#[test]
fn units_are_those_at_the_end_of_a_path() {
    for (source, unit) in [
        ("SUM(Order.quantity * product.price)", Some("EUR")),
        ("AVG(Order.product.price)", Some("EUR/pcs")),
        ("SUM(Order.amount WHERE customer.segment = 'gold')", Some("EUR")),
        ("SUM(Order.quantity * customer.age)", None),
    ] {
        let formula = compile(source, &shop()).unwrap();
        assert_eq!(formula.unit().map(ToString::to_string).as_deref(), unit, "{source}");
    }
    let mixed = compile("SUM(Order.amount) + SUM(Order.product.price)", &shop()).unwrap_err();
    assert!(mixed.iter().all(|found| found.code == "different-units"), "{mixed:?}");
}

#[test]
fn what_is_looked_up_is_told_and_advised() {
    let formula = compile("SUM(Order.amount WHERE customer.country.region = 'eu')", &shop()).unwrap();
    let steps: Vec<String> = formula
        .steps()
        .iter()
        .map(|step| format!("{}.{} {}", step.entity, step.attribute, step.to))
        .collect();
    assert_eq!(steps, ["Customer.country Country", "Order.customer Customer"]);
    assert_eq!(
        formula.required().into_iter().collect::<Vec<_>>(),
        ["Country", "Customer", "Order"]
    );
    for source in [
        "SUM(Order.amount WHERE customer.country.region = 'eu')",
        "AVG(Order.customer.age)",
        "AVG(Order.placed - customer.since)",
        "AVG(Order.customer.since - placed)",
    ] {
        let told = advise(source, &shop());
        let told: Vec<_> = told
            .iter()
            .map(|hint| (hint.code, hint.hint.as_deref().unwrap_or_default()))
            .collect();
        assert!(
            matches!(told.as_slice(), [("not-rolled-up", hint)] if hint.contains("by their key")),
            "{source}: {told:?}"
        );
    }
    let told = advise("SUM(Order.quantity * amount)", &shop());
    let hints: Vec<_> = told.iter().filter_map(|hint| hint.hint.as_deref()).collect();
    assert_eq!(
        hints,
        ["an entity that is defined with an attribute whose formula is quantity * amount has it rolled up"]
    );
}

#[test]
fn names_change_in_paths_where_they_are_names_of_the_entity() {
    let attributes = [("segment", "class"), ("country", "home"), ("customer", "nobody")];
    let attributes: BTreeMap<String, String> = attributes
        .map(|(old, new)| (old.to_owned(), new.to_owned()))
        .into_iter()
        .collect();
    let renames = Renames {
        entity: "Customer",
        code: Some("Client"),
        attributes: &attributes,
    };
    for (source, expected) in [
        (
            "SUM(Order.amount WHERE customer.segment = 'segment' OR customer.country.region = 'eu')",
            Some("SUM(Order.amount WHERE customer.class = 'segment' OR customer.home.region = 'eu')"),
        ),
        (
            "COUNT(DISTINCT Order.customer.segment)",
            Some("COUNT(DISTINCT Order.customer.class)"),
        ),
        (
            "SUM(Order.quantity * customer.country.rate) + COUNT(Customer WHERE country.region = 'eu')",
            Some("SUM(Order.quantity * customer.home.rate) + COUNT(Client WHERE home.region = 'eu')"),
        ),
        (
            "SLOPE(Order.amount, customer.country.rate)",
            Some("SLOPE(Order.amount, customer.home.rate)"),
        ),
        ("SUM(Order.amount WHERE customer.age > 3)", None),
    ] {
        assert_eq!(rename(source, &renames, &shop()).as_deref(), expected, "{source}");
    }
}

#[test]
fn behind_a_point_stands_what_is_known_of_the_object() {
    for (marked, offered) in [
        (
            "COUNT(Order WHERE customer.|",
            vec!["segment", "age", "country", "active"],
        ),
        ("COUNT(Order WHERE customer.seg|", vec!["segment"]),
        ("COUNT(Order WHERE customer.country.|", vec!["region", "rate"]),
        ("AVG(Order.customer.|", vec!["age", "country"]),
        ("SUM(Order.quantity * product.|", vec!["price"]),
        ("AVG(Order.cust|", vec!["customer"]),
        ("SUM(Order.quantity * |", vec!["product", "amount"]),
    ] {
        let position = marked.find('|').unwrap();
        let found = complete(&marked.replace('|', ""), position, Subject::Kpi(&shop()));
        let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
        for label in offered {
            assert!(labels.contains(&label), "{marked}: {label} is not among {labels:?}");
        }
        assert!(!labels.contains(&"visit"), "{marked}: {labels:?}");
    }
}
