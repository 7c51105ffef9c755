//! The outline, and that every line and total of a quote is said.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use proposal::{
    Answers, PriceBook, Quote, RequestedKpi, RequiredChain, RequiredObject, RequiredObjects, Terms, quote,
    statement_of_work,
};
use rust_decimal::Decimal;
use schedule::{Bar, Gantt, Phase};
use serde_json::json;

use super::{Block, Details, Document, Locale, MAX_GANTT_BARS, Pictures, Plan, Row, RowKind, Theme, amounts, words};

fn answers(value: serde_json::Value) -> Answers {
    serde_json::from_value(value).unwrap()
}

/// The worked example of the specification, as far as it says.
fn example() -> Answers {
    answers(json!({
        "kpi_selection": { "kpis": ["POF", "OTD", "TEAM"] },
        "licensing": { "term": "three_years" },
        "data_integration": {
            "Customer": { "source_system": "Salesforce CRM", "method": "streaming_architected" },
            "Order": { "source_system": "SAP ERP", "method": "batch_single_source" },
            "Product": { "source_system": "Internal DB", "method": "batch_conformed" },
            "Parcel": { "source_system": "Carrier", "method": "streaming_non_architected" }
        },
        "kpi_implementation": {
            "POF": { "complexity": "out_of_the_box" },
            "OTD": { "complexity": "rbac" },
            "TEAM": { "complexity": "dynamic_rbac" }
        },
        "environment": { "platform": "aws", "cloud_architect_hours": 60 },
        "infrastructure": { "daily_volume_gb": "5", "concurrent_users": 1000, "refresh_period": "minute", "monthly_transfer_gb": "1000" },
        "managed_services": { "retainer": true, "additional_hours": "custom", "additional_hours_custom": 50 }
    }))
}

fn required() -> RequiredObjects {
    let kpi = |(code, name): (&str, &str)| RequestedKpi {
        code: code.to_owned(),
        name: name.to_owned(),
    };
    let chain = |name: &str| RequiredChain {
        name: name.to_owned(),
        kpis: Vec::new(),
    };
    let object = |code: &str| RequiredObject {
        code: code.to_owned(),
        description: format!("What a {code} is"),
        kpis: Vec::new(),
    };
    RequiredObjects {
        kpis: [
            ("POF", "Perfect Order Fulfillment"),
            ("OTD", "On-Time Delivery"),
            ("TEAM", "Team Sales"),
        ]
        .map(kpi)
        .to_vec(),
        objects: ["Customer", "Order", "Product", "Parcel"].map(object).to_vec(),
        value_chains: ["CRM", "SCOR"].map(chain).to_vec(),
        without_value_chain: Vec::new(),
        unknown_kpis: Vec::new(),
    }
}

const MONDAY: Date = date(2026, 1, 5);

fn bar(phase: Phase, title: &str, from: i8, to: i8) -> Bar {
    Bar {
        task: title.to_lowercase(),
        title: title.to_owned(),
        phase,
        person: Some("Ana".to_owned()),
        from: date(2026, 1, from),
        to: date(2026, 1, to),
        critical: false,
        depends_on: Vec::new(),
    }
}

fn quoted(answers: &Answers, terms: &Terms) -> Quote {
    quote(PriceBook::newest().unwrap(), answers, terms, &required())
}

fn on_terms(answers: &Answers, terms: &Terms, bars: &[Bar], conditions: &str) -> Document {
    let gantt = Gantt::of(MONDAY, bars.to_vec());
    Document::of(&Details {
        reference: "0198-7",
        revision: 3,
        client: "Acme",
        project: "Tower",
        date: date(2026, 11, 21),
        valid_until: date(2026, 12, 21),
        prepared_by: "",
        theme: &Theme::default(),
        answers,
        terms,
        required: &required(),
        quote: &quoted(answers, terms),
        plan: (!bars.is_empty()).then_some(Plan {
            start: MONDAY,
            gantt: &gantt,
        }),
        conditions,
    })
}

fn document(answers: &Answers, bars: &[Bar], conditions: &str) -> Document {
    on_terms(answers, &Terms::default(), bars, conditions)
}

/// Terms with everything, in a currency.
fn everything(currency: &str, rate: &str) -> Terms {
    let terms = json!({
        "discounts": {
            "licensing": { "percent": "7.5", "reason": "A reference customer" },
            "implementation": { "percent": "10", "reason": "Both projects at once" },
            "managed_services": { "percent": "2.25", "reason": "Paid in advance" }
        },
        "exchange": { "currency": currency, "rate": rate },
        "tax": { "name": "VAT", "percent": "19" }
    });
    serde_json::from_value(terms).unwrap()
}

fn outline(document: &Document) -> Vec<String> {
    let number = |number: Option<u32>| number.map(|number| format!("{number} ")).unwrap_or_default();
    let chapters = document.chapters.iter();
    chapters
        .map(|chapter| number(chapter.number) + &chapter.title)
        .collect()
}

#[test]
fn the_outline_is_the_specifications() {
    let all = document(&example(), &[bar(Phase::Environment, "Access", 5, 9)], "We agree.");
    let expected = [
        "Executive summary",
        "1 Licensing",
        "2 Implementation – Statement of Work",
        "3 Infrastructure costs (annual)",
        "4 Managed services (annual)",
        "5 Total cost summary",
        "6 Resource schedule",
        "7 Terms and conditions",
        "8 Next steps",
    ];
    assert_eq!(outline(&all), expected);
    let short = outline(&document(&example(), &[], " \n"));
    assert_eq!(short.last().unwrap(), "6 Next steps");
    assert_eq!(short.len(), expected.len() - 2);
}

#[test]
fn the_worked_example_is_said_in_its_words() {
    let document = document(&example(), &[], "");
    let lines = document.lines(Pictures::Drawn);
    let said = [
        "Perfect Order Fulfillment",
        "Streaming – API, architected",
        "60 hours at $175 per hour = $10,500",
        "$7,000 – $10,500",
        "$3,500 – $5,250",
        "$10,500 – $15,750",
        "$65,000",
        "$195,000",
        "6 instances",
        "$19,200",
        "66.67",
        "$8,750",
        "21 December 2026",
    ];
    for text in said {
        assert!(lines.contains(&text), "{text:?} is not in {lines:#?}");
    }
}

#[test]
fn every_amount_of_the_quote_is_said() {
    let answers = example();
    let list = Terms::default();
    for terms in [
        list,
        everything("EUR", "0.92"),
        everything("JPY", "151.25"),
        everything("CHF", "0.8"),
    ] {
        states_every_amount(&on_terms(&answers, &terms, &[], ""), &quoted(&answers, &terms));
    }
}

fn states_every_amount(document: &Document, quote: &Quote) {
    let lines = document.lines(Pictures::Described);
    let locale = Locale::of(quote);
    let totals = &quote.totals;
    let sums = [
        totals.licensing_per_year,
        totals.data_integration,
        totals.kpi_implementation,
        totals.environment,
        totals.time_and_materials,
        totals.implementation,
        totals.infrastructure_per_month,
        totals.infrastructure_per_year,
        totals.managed_services_per_year,
        totals.year_1,
        totals.recurring_per_year,
        totals.term.unwrap(),
        totals.licensing_term.unwrap(),
    ];
    let adjusted = [totals.discounts_year_1, totals.tax_year_1];
    let sums = sums.into_iter().chain(adjusted.into_iter().flatten());
    for amount in quote.lines.iter().map(|line| line.amount).chain(sums) {
        let text = locale.money_range(amount);
        assert!(
            lines.iter().any(|line| line.contains(&text)),
            "{text:?} is not in {lines:#?}"
        );
    }
}

#[test]
fn amounts_are_found_in_their_order() {
    let text = "$1,000.50 – −€2,000, or ¥3. US$ 4 and $ and $, CHF\u{a0}5,000.25 – −GBP 6; 7 of 8, BATCH 9, £10";
    let expected = ["$1,000.50", "−€2,000", "¥3", "CHF\u{a0}5,000.25", "−GBP 6", "£10"];
    assert_eq!(amounts(text), expected);
}

/// Keys without a description would stand in the document as they are.
#[test]
fn every_line_of_a_quote_has_a_description() {
    let methods = [
        "batch_conformed",
        "batch_single_source",
        "batch_multi_source",
        "batch_entity_resolution",
    ];
    let mut keys = BTreeSet::new();
    for term in ["one_year", "three_years", "five_years"] {
        for (index, method) in methods.iter().enumerate() {
            let mut value = serde_json::to_value(example()).unwrap();
            value["licensing"]["term"] = json!(term);
            value["data_integration"]["Order"]["method"] = json!(method);
            value["infrastructure"]["daily_volume_gb"] = json!("10");
            value["retention"] = json!({
                "source_active": "days90", "source_archive": true, "source_archive_for": "years5",
                "analytics_active": "days365", "analytics_archive": false, "granularity": ["day"]
            });
            let complexity = ["custom_basic", "out_of_the_box"][index % 2];
            value["kpi_implementation"]["POF"]["complexity"] = json!(complexity);
            let quote = quoted(&answers(value), &everything("EUR", "0.92"));
            keys.extend(quote.lines.into_iter().map(|line| line.key));
        }
    }
    assert_eq!(keys.len(), 29);
    for key in keys {
        assert_ne!(words::item(&key), key);
    }
}

#[test]
fn what_is_not_answered_is_said_to_be_missing() {
    let document = document(&answers(json!({ "kpi_selection": { "kpis": ["POF"] } })), &[], "");
    let text = document.lines(Pictures::Drawn).join("\n");
    assert!(text.contains("This is a draft: "), "{text}");
    assert!(text.contains("licenses are not in the price yet"), "{text}");
}

fn chart(document: Document) -> super::Gantt {
    let mut blocks = document.chapters.into_iter().flat_map(|chapter| chapter.blocks);
    let found = blocks.find_map(|block| {
        if let Block::Gantt(gantt) = block {
            Some(gantt)
        } else {
            None
        }
    });
    found.unwrap()
}

#[test]
fn a_plan_is_drawn_by_phases() {
    let mut bars = vec![
        bar(Phase::Environment, "Access", 6, 9),
        bar(Phase::DataIntegration, "Customer", 12, 13),
        bar(Phase::Environment, "Network", 7, 20),
        bar(Phase::GoLive, "Go-live", 21, 21),
    ];
    bars[2].critical = true;
    bars[3].person = None;
    let drawn = chart(document(&example(), &bars, ""));
    let rows: Vec<_> = drawn
        .rows
        .iter()
        .map(|row| (row.task.as_str(), row.who.as_str(), row.start, row.days, row.milestone))
        .collect();
    let expected = [
        ("Environment setup", "", 1, 15, false),
        ("Access", "Ana", 1, 4, false),
        ("Network", "Ana · critical", 2, 14, false),
        ("Data integration", "", 7, 2, false),
        ("Customer", "Ana", 7, 2, false),
        ("Go-live", "", 16, 1, false),
        ("Go-live", "Milestone", 16, 1, true),
    ];
    assert_eq!(rows, expected);
    assert_eq!((drawn.days, drawn.ticks.len()), (21, 3));
    let many = vec![bar(Phase::Testing, "Test", 5, 9); MAX_GANTT_BARS + 1];
    assert_eq!(chart(document(&example(), &many, "")).rows.len(), 1);
}

/// The planner's own bars, with its phases and weeks.
#[test]
fn a_planned_project_is_shown_as_planned() {
    let answers = example();
    let tasks = statement_of_work::tasks(&quoted(&answers, &Terms::default()), &required());
    let project = schedule::Project {
        start: MONDAY,
        people: schedule::placeholders(&tasks),
        tasks,
        holidays: Vec::new(),
    };
    let plan = schedule::plan(&project).unwrap();
    let gantt = schedule::gantt(&project, &plan);
    let document = document(&answers, &gantt.bars, "");
    let lines = document.lines(Pictures::Drawn).join("\n");
    let locale = Locale::of(&quoted(&answers, &Terms::default()));
    let (first, last) = (locale.date(plan.start.day), locale.date(plan.end.day));
    assert!(
        lines.contains(&format!("The work runs from {first} to {last}. ")),
        "{lines}"
    );
    for span in &gantt.phases {
        let (from, to) = (span.first_week, span.last_week);
        let weeks = if from == to {
            format!("Week {from}")
        } else {
            format!("Weeks {from}–{to}")
        };
        let row = [words::phase(span.phase), &weeks, &locale.days(span.from, span.to)].join("\n");
        assert!(lines.contains(&row), "{row} is not in {lines}");
    }
    let drawn = chart(document);
    assert_eq!(drawn.rows.len(), gantt.bars.len() + gantt.phases.len());
    let critical = drawn.rows.iter().filter(|row| row.critical).count();
    assert_eq!(critical, plan.assignments.iter().filter(|one| one.critical).count());
}

#[test]
fn without_a_plan_nothing_is_said_about_one() {
    let document = document(&example(), &[], "");
    let text = document.lines(Pictures::Drawn).join("\n");
    for word in ["Week", "Timeline", "Start of work", "schedule"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn terms_are_said_with_what_they_are_taken_of() {
    let document = on_terms(&example(), &everything("EUR", "0.92"), &[], "");
    let lines = document.lines(Pictures::Drawn);
    let said = [
        "1 USD = 0.92 EUR",
        "Discount on licensing",
        "7.5%, A reference customer",
        "€59,800.00",
        "−€4,485.00",
        "VAT on what is paid once",
        "19% of all of the above",
        "Total licensing before discount and tax",
        "Total infrastructure before tax",
        "Total before tax",
        "First year, tax included",
        "Cost per year after discounts, estimates at their upper end",
    ];
    for text in said {
        assert!(lines.contains(&text), "{text:?} is not in {lines:#?}");
    }
}

/// A reader who adds a column up finds its total.
#[test]
fn columns_of_the_total_costs_add_up() {
    for terms in [
        Terms::default(),
        everything("EUR", "0.9137"),
        everything("JPY", "151.25"),
    ] {
        let answers = example();
        let document = on_terms(&answers, &terms, &[], "");
        let totals = document
            .chapters
            .iter()
            .find(|chapter| chapter.title == "Total cost summary");
        let Some(Block::Table(table)) = totals.unwrap().blocks.first() else {
            panic!("no table of totals");
        };
        let number = |text: &str| -> Decimal {
            let text = text.replace('−', "-");
            let digits: String = text
                .chars()
                .filter(|c| c.is_ascii_digit() || "-.".contains(*c))
                .collect();
            digits.parse().unwrap_or_default()
        };
        let of = |kind: RowKind| table.rows.iter().filter(move |row| row.kind == kind);
        for column in 1..table.columns.len() {
            let end = |row: &Row, last: bool| {
                let text = &row.cells[column].text;
                let mut ends = text.split(" – ");
                number(if last {
                    ends.last().unwrap()
                } else {
                    ends.next().unwrap()
                })
            };
            for last in [false, true] {
                let sum: Decimal = of(RowKind::Body).map(|row| end(row, last)).sum();
                assert_eq!(sum, of(RowKind::Total).map(|row| end(row, last)).sum(), "{column}");
            }
        }
    }
}

#[test]
fn the_cover_tells_which_offer_it_is() {
    let cover = document(&example(), &[], "").cover;
    let facts: Vec<(&str, &str)> = cover
        .facts
        .iter()
        .map(|it| (it.label.as_str(), it.value.as_str()))
        .collect();
    let expected = [
        ("Reference", "0198-7"),
        ("Revision", "3"),
        ("Date", "21 November 2026"),
        ("Valid until", "21 December 2026"),
        ("Currency", "USD"),
    ];
    assert_eq!(facts, expected);
    assert_eq!((cover.client.as_str(), cover.project.as_str()), ("Acme", "Tower"));
    assert_eq!(cover.reference, "Revision 3, 21 November 2026");
}

/// Renderers span the name of a sum up to its first amount.
#[test]
fn every_row_has_a_cell_for_each_column() {
    let document = document(&example(), &[bar(Phase::Environment, "Access", 5, 9)], "");
    for block in document.chapters.iter().flat_map(|chapter| &chapter.blocks) {
        if let Block::Table(table) = block {
            for row in &table.rows {
                assert_eq!(row.cells.len(), table.columns.len(), "{row:?}");
                let sum = matches!(row.kind, RowKind::Subtotal | RowKind::Total);
                assert!(
                    !sum || row.cells.iter().skip(1).any(|cell| !cell.text.is_empty()),
                    "{row:?}"
                );
            }
        }
    }
}
