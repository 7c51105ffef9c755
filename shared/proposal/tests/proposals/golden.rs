//! Quotes against a table that another program computed from the specification: `tests/golden/quotes.py`.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::common::{Kpi, answered, catalog, decimal, required};
use proposal::{PriceBook, Terms, quote};

#[derive(Deserialize)]
struct Case {
    name: String,
    kpis: Vec<Kpi>,
    answers: BTreeMap<String, Value>,
    #[serde(default)]
    terms: Terms,
    totals: Value,
}

/// The script's name and place are in the message, since a changed reading of the specification changes both.
#[test]
fn quotes_equal_the_golden_table_to_the_cent() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/quotes.json")).unwrap();
    assert!(cases.len() >= 40);
    let book = PriceBook::newest().unwrap();
    for case in cases {
        let catalog = catalog(&case.kpis);
        let answers = answered(&catalog, &case.kpis, &case.answers)
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", case.name));
        let quote = quote(book, &answers, &case.terms, &required(&catalog, &answers));
        let totals = serde_json::to_value(quote.totals).unwrap();
        let expected = case.totals.as_object().unwrap();
        assert_eq!(
            totals.as_object().unwrap().len(),
            expected.len(),
            "{}: {totals}",
            case.name
        );
        for (name, range) in expected {
            for end in ["min", "max"] {
                let [ours, theirs] = [&totals[name][end], &range[end]].map(decimal);
                assert_eq!(ours, theirs, "{}: {name} {end}, see tests/golden/quotes.py", case.name);
            }
        }
    }
}
