#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::states;
use crate::{AttributeType, Formula, Leads, Over, compile};

/// Trades and quotes of symbols, orders of customers, and a KPI of each kind.
struct Market(Vec<(&'static str, Vec<Attribute>)>, Vec<(&'static str, Formula)>);

impl Market {
    fn open() -> Self {
        let attribute = |(name, kind, dimension): (&str, AttributeType, bool)| Attribute {
            name: name.to_owned(),
            kind,
            dimension,
            required: false,
            difference: None,
        };
        let entity = |named: &'static str, with: &[(&str, AttributeType, bool)]| {
            (named, with.iter().copied().map(attribute).collect())
        };
        use AttributeType::{Decimal, Integer, Text};
        let mut market = Self(
            vec![
                entity(
                    "Trade",
                    &[
                        ("symbol", Text, true),
                        ("day", Text, true),
                        ("price", Decimal, false),
                        ("venue", Text, true),
                    ],
                ),
                entity(
                    "Quote",
                    &[
                        ("symbol", Text, true),
                        ("price", Decimal, false),
                        ("venue", Integer, true),
                        ("lot", Integer, true),
                    ],
                ),
                entity("Order", &[("customer", Text, true), ("region", Text, true)]),
                entity(
                    "Customer",
                    &[("id", Text, false), ("segment", Text, true), ("name", Text, false)],
                ),
            ],
            Vec::new(),
        );
        for (code, source) in [
            ("CLOSE", "LAST(Trade.price)"),
            ("BUSIEST", "MAX_PER(COUNT(Trade), symbol)"),
            ("DAILY", "AVG_PER(COUNT(Trade), DAY)"),
        ] {
            let formula = compile(source, &market).unwrap();
            market.1.push((code, formula));
        }
        market
    }
}

impl Entities for Market {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        let known = self.0.iter().find(|(code, _)| *code == entity);
        known.map(|(_, attributes)| attributes.as_slice())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(code, _)| *code).collect()
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        let leads = Leads {
            to: "Customer",
            is_to_one: true,
        };
        ([entity, attribute] == ["Order", "customer"]).then_some(leads)
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        let known = self.1.iter().find(|(known, _)| *known == code);
        known.map(|(_, formula)| Referred::Formula(formula))
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.1.iter().map(|(code, _)| *code).collect()
    }
}

fn measures(formula: &Formula) -> String {
    let measures = formula.measures.iter().map(ToString::to_string);
    measures.collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_are_taken_for_each_value() {
    let market = Market::open();
    for (source, expected) in [
        ("MAX_PER(COUNT(Trade), symbol)", "EACH(COUNT(Trade), symbol)"),
        (
            "sum_per(LAST(Trade.price) * COUNT(Quote), Quote.symbol) / COUNT(Trade)",
            "EACH(LAST(Trade.price), symbol) EACH(COUNT(Quote), symbol) COUNT(Trade)",
        ),
        // A period has the name too.
        ("MAX_PER(COUNT(Trade), day)", "EACH(COUNT(Trade), DAY)"),
        ("MAX_PER(COUNT(Trade), Trade.day)", "EACH(COUNT(Trade), day)"),
        (
            "COUNT_PER(CASE WHEN CLOSE > PREVIOUS(CLOSE) THEN 1 ELSE 0 END, symbol)",
            "EACH(LAST(Trade.price), symbol) EACH(PREVIOUS(LAST(Trade.price), 1), symbol)",
        ),
        (
            "PERCENTILE_PER(COUNT(Order), customer.segment, 90)",
            "EACH(COUNT(Order), customer.segment)",
        ),
        (
            "CUMULATIVE(SUM_PER(COUNT(Order), Order.customer.segment))",
            "EACH(CUMULATIVE(COUNT(Order)), customer.segment)",
        ),
        (
            "AVG_PER(MAX_PER(COUNT(Trade), symbol), DAY)",
            "EACH(EACH(COUNT(Trade), DAY), symbol)",
        ),
        (
            "MAX_PER(AVG_PER(COUNT(Trade), DAY), symbol)",
            "EACH(EACH(COUNT(Trade), DAY), symbol)",
        ),
        ("AVG_PER(BUSIEST, WEEK)", "EACH(EACH(COUNT(Trade), WEEK), symbol)"),
        ("AVG_PER(DAILY, symbol)", "EACH(EACH(COUNT(Trade), DAY), symbol)"),
        ("MAX_PER(BUSIEST, venue)", "EACH(EACH(COUNT(Trade), symbol), venue)"),
    ] {
        let formula = compile(source, &market).unwrap_or_else(|found| panic!("{source}: {found:?}"));
        assert_eq!(measures(&formula), expected, "{source}");
        let printed = crate::parse(source).tree.to_string();
        assert_eq!(
            compile(&printed, &market).unwrap().measures,
            formula.measures,
            "{source}: {printed}"
        );
    }
}

#[test]
fn a_function_knows_where_it_is_and_where_its_expressions_are() {
    let market = Market::open();
    let places = |source: &str| {
        let formula = compile(source, &market).unwrap();
        let fold = |fold: &crate::Fold| {
            let told = |scope: &crate::Scope| {
                let periods = scope.periods.as_ref().map_or_else(String::new, ToString::to_string);
                format!("{periods}{:?}", scope.per)
            };
            format!(
                "{:?} {} {}",
                fold.over == Over::Periods,
                told(&fold.outside()),
                told(&fold.scope)
            )
        };
        formula.folds.iter().map(fold).collect::<Vec<_>>()
    };
    assert_eq!(
        places("PREVIOUS(AVG_PER(MAX_PER(COUNT(Trade), symbol), DAY))"),
        [
            r#"false PREVIOUS(EACH(…, DAY), 1){} PREVIOUS(EACH(…, DAY), 1){"symbol"}"#,
            r#"true {} PREVIOUS(EACH(…, DAY), 1){}"#,
        ]
    );
    assert_eq!(
        places("PREVIOUS(MAX_PER(DAILY, symbol))"),
        [
            r#"true {"symbol"} PREVIOUS(EACH(…, DAY), 1){"symbol"}"#,
            r#"false {} {"symbol"}"#,
        ]
    );
}

#[test]
fn what_is_no_shared_dimension_is_told_with_what_would_be_one() {
    let market = Market::open();
    let third = "MAX_PER(MAX_PER(MAX_PER(COUNT(Trade), symbol), venue), Trade.day)";
    for (source, code, place, hint) in [
        (
            "MAX_PER(COUNT(Trade), symbl)",
            "unknown-attribute",
            22..27,
            "did you mean `symbol`?",
        ),
        (
            "MAX_PER(COUNT(Trade), DAYS)",
            "unknown-period",
            22..26,
            "did you mean `DAY`?",
        ),
        (
            "MAX_PER(COUNT(Trade), colour)",
            "unknown-period",
            22..28,
            "the dimensions of Trade are: symbol, day, venue",
        ),
        ("MAX_PER(COUNT(Trade), 7)", "unknown-period", 22..23, "the periods are"),
        (
            "MAX_PER(COUNT(Trade), price)",
            "not-a-dimension",
            22..27,
            "the dimensions of Trade are",
        ),
        (
            "SUM_PER(COUNT(Trade) + COUNT(Quote), lot)",
            "unknown-attribute",
            37..40,
            "the dimensions that Quote and Trade have in common are: symbol",
        ),
        (
            "SUM_PER(COUNT(Trade) + COUNT(Quote), venue)",
            "type-mismatch",
            37..42,
            "the dimensions that Quote",
        ),
        (
            "SUM_PER(COUNT(Trade) + COUNT(Order), symbol)",
            "unknown-attribute",
            37..43,
            "Order and Trade share no",
        ),
        (
            "SUM_PER(COUNT(Trade), Quote.symbol)",
            "different-entities",
            22..34,
            "name a dimension of it, as in symbol",
        ),
        (
            "SUM_PER(COUNT(Order), customer.name)",
            "not-a-dimension",
            22..35,
            "the dimensions of Order",
        ),
        (
            "SUM_PER(COUNT(Order), region.name)",
            "no-relationship",
            22..28,
            "declare one",
        ),
        (
            "SUM_PER(COUNT(Order), customer.segmnt)",
            "unknown-attribute",
            31..37,
            "did you mean `segment`?",
        ),
        ("LAST_PER(COUNT(Trade), symbol)", "no-order", 23..29, "MIN_PER, MAX_PER"),
        ("DRAWDOWN_PER(CLOSE, symbol)", "no-order", 20..26, "MIN_PER, MAX_PER"),
        (
            "MAX_PER(SUM_PER(COUNT(Trade), symbol), symbol)",
            "nested-members",
            8..37,
            "leave one of the two",
        ),
        (
            "MAX_PER(BUSIEST, symbol)",
            "nested-members",
            8..15,
            "leave one of the two",
        ),
        (third, "too-many-dimensions", 16..45, "define a dimension that is both"),
        (
            "SUM_PER(3, symbol) * COUNT(Trade)",
            "no-measure",
            0..18,
            "take an aggregate for each value",
        ),
        (
            "SUM_PER(COUNT(Trad), symbol)",
            "unknown-entity",
            14..18,
            "did you mean `Trade`?",
        ),
        (
            "COUNT(Trade WHERE MAX_PER(price, symbol) = 1)",
            "window-in-row",
            26..31,
            "it belongs outside of WHERE",
        ),
    ] {
        let found = compile(source, &market).unwrap_err();
        let [only] = found.as_slice() else {
            panic!("{source}: {found:?}")
        };
        assert_eq!((only.code, only.span.clone()), (code, place), "{source}: {only:?}");
        let told = only.hint.as_deref().unwrap_or_default();
        assert!(told.contains(hint), "{source}: {only:?}");
    }
}

#[test]
fn states_are_taken_for_each_value_whichever_stands_outside() {
    let stock = |source: &str| compile(source, &states()).unwrap();
    let one = stock("MAX_PER(AT_END(SUM(Policy.delay)), origin)");
    assert_eq!(measures(&one), "EACH(AT_END(SUM(Policy.delay)), origin)");
    assert_eq!(stock("AT_END(MAX_PER(SUM(Policy.delay), origin))"), one);
}
