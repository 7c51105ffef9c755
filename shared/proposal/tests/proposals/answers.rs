//! Answers are checked against the questionnaire, and what is missing is known.

use std::collections::BTreeMap;

use catalog::Problem;
use proposal::{
    AnswerKind, Answers, Choice, MAX_KPIS, MAX_PROBLEMS, Missing, PriceBook, Question, Questionnaire, StepKey, Terms,
    missing, quote,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::common::{Kpi, answered, catalog, required};

fn questionnaire() -> Questionnaire {
    Questionnaire::new(PriceBook::newest().unwrap())
}

fn cart() -> Vec<Kpi> {
    [
        ("POF", "Order", "SCOR"),
        ("OTD", "Customer", "scor"),
        ("NPS", "Customer", ""),
    ]
    .map(|(code, object, chain)| Kpi {
        code: code.to_owned(),
        objects: vec![object.to_owned()],
        value_chain: chain.to_owned(),
    })
    .to_vec()
}

fn problems(step: &str, answers: &Value) -> Vec<Problem> {
    let steps = BTreeMap::from([(step.to_owned(), answers.clone())]);
    answered(&catalog(&cart()), &cart(), &steps).err().unwrap_or_default()
}

#[test]
fn wrong_answers_are_told_at_once_with_place_and_way_out() {
    let many = vec!["POF"; MAX_KPIS + 1];
    let thousand: Vec<String> = (0..1_000).map(|index| format!("K{index}")).collect();
    for (step, answers, pointers) in [
        ("kpi_selection", json!({ "kpis": [] }), &["/kpis"][..]),
        ("kpi_selection", json!({ "kpis": many }), &["/kpis"]),
        ("kpi_selection", json!({ "kpis": thousand }), &["/kpis"]),
        (
            "kpi_selection",
            json!({ "kpis": ["POF", "GONE", "POF", 7] }),
            &["/kpis/2", "/kpis/3", "/kpis/1"],
        ),
        ("licensing", json!({ "term": "two_years" }), &["/term"]),
        ("licensing", json!([]), &[""]),
        (
            "licensing",
            json!({ "term": 3, "additional_value_chains": ["", "a\u{0}"], "discount": 50 }),
            &[
                "/discount",
                "/term",
                "/additional_value_chains/0",
                "/additional_value_chains/1",
            ],
        ),
        (
            "data_integration",
            json!({ "Order": { "method": "batch" }, "Moon": {} }),
            &["/Moon", "/Order/method"],
        ),
        (
            "data_integration",
            json!({ "Order": { "source_system": "x".repeat(121) } }),
            &["/Order/source_system"],
        ),
        ("kpi_implementation", json!({ "POF": "rbac" }), &["/POF"]),
        (
            "environment",
            json!({ "platform": "aws", "cloud_architect_hours": 39 }),
            &["/cloud_architect_hours"],
        ),
        (
            "environment",
            json!({ "platform": "aws", "cloud_architect_hours": 81 }),
            &["/cloud_architect_hours"],
        ),
        (
            "environment",
            json!({ "platform": "existing", "cloud_architect_hours": 60 }),
            &["/cloud_architect_hours"],
        ),
        (
            "environment",
            json!({ "cloud_architect_hours": 60 }),
            &["/cloud_architect_hours"],
        ),
        (
            "retention",
            json!({ "source_active": "days90", "source_active_days": 5 }),
            &["/source_active_days"],
        ),
        (
            "retention",
            json!({ "source_active": "custom", "source_active_days": 0 }),
            &["/source_active_days"],
        ),
        (
            "retention",
            json!({ "source_archive": false, "source_archive_for": "years3" }),
            &["/source_archive_for"],
        ),
        (
            "retention",
            json!({ "analytics_archive_for": "years1", "granularity": [] }),
            &["/analytics_archive_for", "/granularity"],
        ),
        (
            "retention",
            json!({ "compliance": ["sox", "sox"], "industry_minimum_years": 3 }),
            &["/compliance/1", "/industry_minimum_years"],
        ),
        (
            "retention",
            json!({ "compliance": ["industry"], "industry_minimum_years": 11 }),
            &["/industry_minimum_years"],
        ),
        (
            "infrastructure",
            json!({ "daily_volume_gb": -1, "concurrent_users": -5 }),
            &["/daily_volume_gb", "/concurrent_users"],
        ),
        (
            "infrastructure",
            json!({ "daily_volume_gb": "1e9", "concurrent_users": 1.5 }),
            &["/daily_volume_gb", "/concurrent_users"],
        ),
        (
            "infrastructure",
            json!({ "daily_volume_gb": 100_001, "concurrent_users": 0 }),
            &["/daily_volume_gb", "/concurrent_users"],
        ),
        (
            "infrastructure",
            json!({ "daily_volume_gb": "0.0000001", "refresh_period": "week" }),
            &["/daily_volume_gb", "/refresh_period"],
        ),
        (
            "infrastructure",
            json!({ "monthly_transfer_gb": "NaN" }),
            &["/monthly_transfer_gb"],
        ),
        ("managed_services", json!({ "retainer": "yes" }), &["/retainer"]),
        (
            "managed_services",
            json!({ "retainer": false, "additional_hours": "up_to50" }),
            &["/additional_hours"],
        ),
        (
            "managed_services",
            json!({ "retainer": true, "additional_hours": "custom", "additional_hours_custom": 1_000_000 }),
            &["/additional_hours_custom"],
        ),
    ] {
        let told = problems(step, &answers);
        let found: Vec<&str> = told.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{step} {answers}: {told:?}");
        assert!(told.iter().all(|problem| problem.hint.is_some()), "{told:?}");
    }
}

#[test]
fn a_flood_of_problems_is_cut() {
    let flood: Value = (0..5_000).map(|index| (format!("q{index}"), json!(1))).collect();
    assert_eq!(problems("environment", &flood).len(), MAX_PROBLEMS);
}

#[test]
fn what_was_refused_changes_nothing() {
    let catalog = catalog(&cart());
    let mut answers = Answers::to_cart(["POF".to_owned()]);
    let before = answers.clone();
    let refused = answers.replace(
        &questionnaire(),
        StepKey::Licensing,
        &json!({ "term": "never" }),
        &catalog,
    );
    assert!(refused.is_err());
    assert_eq!(answers, before);
}

/// Each option of each question is an answer that its type can hold, and its condition can be met.
#[test]
fn every_option_can_be_answered() {
    for step in questionnaire()
        .steps
        .iter()
        .filter(|step| step.key != StepKey::KpiSelection)
    {
        for question in &step.questions {
            for value in examples(question) {
                let mut given = json!({ question.key: value });
                let mut asked = question;
                while let Some(condition) = &asked.condition {
                    asked = step
                        .questions
                        .iter()
                        .find(|other| other.key == condition.question)
                        .unwrap();
                    let list = matches!(asked.answer, AnswerKind::Choices { .. });
                    let met = condition.is_one_of[0].clone();
                    given[condition.question] = if list { json!([met]) } else { met };
                }
                let body = match step.key {
                    StepKey::DataIntegration => json!({ "Order": given }),
                    StepKey::KpiImplementation => json!({ "POF": given }),
                    _ => given,
                };
                assert_eq!(problems(step.key.name(), &body), [], "{:?}: {body}", step.key);
            }
        }
    }
}

fn examples(question: &Question) -> Vec<Value> {
    let keys = |options: &[Choice]| options.iter().map(|option| json!(option.key)).collect::<Vec<_>>();
    match &question.answer {
        AnswerKind::Choice { options } => keys(options),
        AnswerKind::Choices { options, .. } => keys(options).into_iter().map(|key| json!([key])).collect(),
        AnswerKind::Boolean => vec![json!(true), json!(false)],
        AnswerKind::Integer { min, max, .. } => vec![json!(min), json!(max)],
        AnswerKind::Decimal { min, max, .. } => vec![json!(min), json!(max), json!("1.000001"), json!(0.5)],
        AnswerKind::Text { .. } => vec![json!("SAP")],
        AnswerKind::Texts { .. } => vec![json!(["One", "Two"])],
    }
}

fn pointers(missing: &[Missing]) -> Vec<String> {
    missing
        .iter()
        .map(|missing| format!("{}{}", missing.step.name(), missing.pointer))
        .collect()
}

#[test]
fn what_is_missing_is_known_at_every_stage() {
    let catalog = catalog(&cart());
    let open = |steps: &[(&str, Value)]| {
        let steps = steps
            .iter()
            .map(|(step, value)| ((*step).to_owned(), value.clone()))
            .collect();
        let answers = answered(&catalog, &cart(), &steps).unwrap();
        pointers(&missing(&questionnaire(), &answers, &required(&catalog, &answers)))
    };
    let steps = [
        "licensing",
        "data_integration",
        "kpi_implementation",
        "environment",
        "retention",
        "infrastructure",
        "managed_services",
    ];
    assert_eq!(open(&[]), steps);
    let partial = open(&[
        ("licensing", json!({})),
        ("data_integration", json!({ "Order": { "method": "batch_conformed" } })),
        (
            "kpi_implementation",
            json!({ "NPS": {}, "OTD": { "complexity": "rbac" }, "POF": { "complexity": "rbac" } }),
        ),
        ("environment", json!({ "platform": "existing" })),
        (
            "retention",
            json!({ "source_active": "custom", "compliance": ["industry"] }),
        ),
        ("infrastructure", json!({ "concurrent_users": 5 })),
        ("managed_services", json!({ "retainer": true })),
    ]);
    assert_eq!(
        partial,
        [
            "licensing/term",
            "data_integration/Customer",
            "data_integration/Order/source_system",
            "kpi_implementation/NPS/complexity",
            "retention/source_active_days",
            "retention/industry_regulation",
            "retention/industry_minimum_years",
            "infrastructure/daily_volume_gb",
            "infrastructure/refresh_period",
            "managed_services/additional_hours",
        ]
    );
}

#[test]
fn partial_answers_are_priced_as_far_as_they_go() {
    let catalog = catalog(&cart());
    let price = |steps: &[(&str, Value)]| {
        let steps = steps
            .iter()
            .map(|(step, value)| ((*step).to_owned(), value.clone()))
            .collect();
        let answers = answered(&catalog, &cart(), &steps).unwrap();
        quote(
            PriceBook::newest().unwrap(),
            &answers,
            &Terms::default(),
            &required(&catalog, &answers),
        )
    };
    let nothing = price(&[]);
    assert!(nothing.lines.is_empty() && !nothing.complete && nothing.totals.term.is_none());
    // Two gateways, the cache; neither business nor backend instances nor storage can be known.
    let users = price(&[("infrastructure", json!({ "concurrent_users": 5 }))]);
    assert_eq!(users.totals.infrastructure_per_month.max, Decimal::from(200));
    let hours = price(&[("environment", json!({ "platform": "aws" }))])
        .totals
        .environment;
    assert_eq!([hours.min, hours.max], [7_000, 14_000].map(Decimal::from));
}

#[test]
fn a_kpi_that_was_deleted_is_left_out_and_told() {
    let all = catalog(&cart());
    let steps = [
        (
            "data_integration",
            json!({ "Order": { "method": "batch_conformed" }, "Customer": { "method": "batch_conformed" } }),
        ),
        ("kpi_implementation", json!({ "POF": { "complexity": "rbac" } })),
    ];
    let steps = steps.map(|(step, value)| (step.to_owned(), value)).into();
    let answers = answered(&all, &cart(), &steps).unwrap();
    let without: Vec<Kpi> = cart().into_iter().filter(|kpi| kpi.code != "POF").collect();
    let left = catalog(&without);
    let required = required(&left, &answers);
    assert_eq!(required.unknown_kpis, ["POF"]);
    let quote = quote(PriceBook::newest().unwrap(), &answers, &Terms::default(), &required);
    assert!(!quote.complete);
    assert_eq!(quote.totals.year_1.max, Decimal::from(1_500));
    let notices: Vec<&str> = quote.notices.iter().map(|notice| notice.pointer.as_str()).collect();
    assert_eq!(
        notices,
        ["kpi_selection/POF", "kpi_selection/NPS", "data_integration/Order"]
    );
}

#[test]
fn kpis_need_objects_and_value_chains() {
    let catalog = catalog(&cart());
    let answers = Answers::to_cart(["POF", "OTD", "NPS", "GONE"].map(str::to_owned));
    let required = serde_json::to_value(required(&catalog, &answers)).unwrap();
    let expected = json!({
        "kpis": [{ "code": "NPS", "name": "NPS" }, { "code": "OTD", "name": "OTD" }, { "code": "POF", "name": "POF" }],
        "objects": [
            { "code": "Customer", "description": "", "kpis": ["NPS", "OTD"] },
            { "code": "Order", "description": "", "kpis": ["POF"] }
        ],
        "value_chains": [{ "name": "scor", "kpis": ["OTD", "POF"] }],
        "without_value_chain": ["NPS"],
        "unknown_kpis": ["GONE"]
    });
    assert_eq!(required, expected);
}

/// The specification's worked examples, but for those of infrastructure, which are beside the pricing of sizes.
#[test]
fn worked_examples_come_out() {
    let catalog = catalog(&cart());
    let cost = |step: &str, answers: Value| {
        let steps = BTreeMap::from([(step.to_owned(), answers)]);
        let answers = answered(&catalog, &cart(), &steps).unwrap();
        quote(
            PriceBook::newest().unwrap(),
            &answers,
            &Terms::default(),
            &required(&catalog, &answers),
        )
        .totals
    };
    let both = |range: proposal::Range| [range.min, range.max];
    let licence = cost(
        "licensing",
        json!({ "term": "three_years", "additional_value_chains": ["CRM"] }),
    );
    assert_eq!(both(licence.licensing_per_year), [65_000, 65_000].map(Decimal::from));
    assert_eq!(
        both(licence.licensing_term.unwrap()),
        [195_000, 195_000].map(Decimal::from)
    );
    let environment = cost("environment", json!({ "platform": "aws", "cloud_architect_hours": 60 }));
    assert_eq!(both(environment.environment), [10_500, 10_500].map(Decimal::from));
    let stream = cost(
        "data_integration",
        json!({ "Order": { "method": "streaming_non_architected" } }),
    );
    assert_eq!(both(stream.time_and_materials), [7_000, 10_500].map(Decimal::from));
    let access = cost("kpi_implementation", json!({ "POF": { "complexity": "dynamic_rbac" } }));
    assert_eq!(both(access.time_and_materials), [3_500, 5_250].map(Decimal::from));
    let support = cost(
        "managed_services",
        json!({ "retainer": true, "additional_hours": "custom", "additional_hours_custom": 50 }),
    );
    assert_eq!(
        both(support.managed_services_per_year),
        [8_750, 8_750].map(Decimal::from)
    );
    let band = cost(
        "managed_services",
        json!({ "retainer": true, "additional_hours": "from50_to100" }),
    );
    assert_eq!(both(band.managed_services_per_year), [8_750, 12_500].map(Decimal::from));
}

/// A thousandth of a cent counts when there are terabytes: unit prices in another currency are exact.
#[test]
fn small_unit_prices_are_converted_exactly() {
    let kpis = [Kpi {
        code: "K".to_owned(),
        objects: vec!["Order".to_owned()],
        value_chain: "SCOR".to_owned(),
    }];
    let catalog = catalog(&kpis);
    let steps = [(
        "infrastructure".to_owned(),
        json!({ "daily_volume_gb": "0", "concurrent_users": 1, "refresh_period": "day", "monthly_transfer_gb": 1_000_000 }),
    )];
    let answers = answered(&catalog, &kpis, &steps.into_iter().collect()).unwrap();
    let terms: Terms =
        serde_json::from_value(json!({ "exchange": { "currency": "GBP", "rate": "0.754933" } })).unwrap();
    let quote = quote(
        PriceBook::newest().unwrap(),
        &answers,
        &terms,
        &required(&catalog, &answers),
    );
    let transfer = quote.lines.iter().find(|line| line.key == "network.transfer").unwrap();
    assert_eq!(
        transfer.amount.max.to_string(),
        "67943.97",
        "1,000,000 GB at 0.09 USD and 0.754933"
    );
    let yen: Terms = serde_json::from_value(json!({ "exchange": { "currency": "JPY", "rate": "151.255" } })).unwrap();
    let quote = proposal::quote(
        PriceBook::newest().unwrap(),
        &answers,
        &yen,
        &required(&catalog, &answers),
    );
    let transfer = quote.lines.iter().find(|line| line.key == "network.transfer").unwrap();
    assert_eq!(transfer.amount.max.to_string(), "13612950", "yen have no cents");
}
