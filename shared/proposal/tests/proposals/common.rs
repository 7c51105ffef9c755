//! Catalogues and answers that the tests of this crate share.

use std::collections::BTreeMap;

use catalog::{Catalog, Problem};
use proposal::{Answers, PriceBook, Questionnaire, RequiredObjects, StepKey, required_objects};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

/// A KPI that reads some objects.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Kpi {
    /// Code.
    pub(crate) code: String,
    /// Objects that its formula reads.
    pub(crate) objects: Vec<String>,
    /// Value chain.
    pub(crate) value_chain: String,
}

/// A catalogue of KPIs and of all objects that they read.
pub(crate) fn catalog(kpis: &[Kpi]) -> Catalog {
    let mut objects: Vec<&String> = kpis.iter().flat_map(|kpi| &kpi.objects).collect();
    objects.sort();
    objects.dedup();
    let entity = |code: &&String| {
        let attributes = json!([{ "name": "amount", "type": "decimal" }]);
        serde_json::from_value(json!({ "code": code, "domain": "sales", "attributes": attributes })).unwrap()
    };
    let definition = |kpi: &Kpi| {
        let formula: Vec<String> = kpi.objects.iter().map(|object| format!("COUNT({object})")).collect();
        serde_json::from_value(
            json!({ "code": kpi.code, "name": kpi.code, "formula": formula.join(" + "), "value_chain": kpi.value_chain }),
        )
        .unwrap()
    };
    Catalog::new(
        objects.iter().map(entity).collect(),
        kpis.iter().map(definition).collect(),
    )
    .unwrap()
}

/// A cart of all the KPIs, with the answers of some steps.
pub(crate) fn answered(
    catalog: &Catalog,
    kpis: &[Kpi],
    steps: &BTreeMap<String, Value>,
) -> Result<Answers, Vec<Problem>> {
    let questionnaire = Questionnaire::new(PriceBook::newest().unwrap());
    let mut answers = Answers::to_cart(kpis.iter().map(|kpi| kpi.code.clone()));
    for (step, value) in steps {
        answers.replace(&questionnaire, StepKey::named(step).unwrap(), value, catalog)?;
    }
    Ok(answers)
}

/// What the cart of the answers needs.
pub(crate) fn required(catalog: &Catalog, answers: &Answers) -> RequiredObjects {
    required_objects(catalog, &answers.kpi_selection.kpis)
}

/// A number in JSON.
pub(crate) fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}
