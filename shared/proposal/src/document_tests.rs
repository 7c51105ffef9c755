//! The outline, and that every line and total of a quote is said.

use std::collections::BTreeSet;

use jiff::civil::date;
use serde_json::json;

use super::{Block, Branding, Details, Document, GanttBar, Locale, MAX_GANTT_BARS, Pictures, RowKind, amounts, words};
use crate::{Answers, PriceBook, RequestedKpi, RequiredChain, RequiredObject, RequiredObjects, quote};

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

fn bar(phase: &str, task: &str, from: i8, to: i8) -> GanttBar {
    GanttBar {
        phase: phase.to_owned(),
        task: task.to_owned(),
        who: "Ana".to_owned(),
        from: date(2026, 1, from),
        to: date(2026, 1, to),
        critical: false,
    }
}

fn document(answers: &Answers, gantt: &[GanttBar], terms: &str) -> Document {
    let required = required();
    Document::of(&Details {
        client: "Acme",
        project: "Tower",
        date: date(2026, 11, 21),
        valid_until: date(2026, 12, 21),
        version: "1.0",
        prepared_by: "",
        branding: &Branding::default(),
        quote: &quote(PriceBook::newest().unwrap(), answers, &required),
        answers,
        required: &required,
        gantt,
        terms,
    })
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
    let all = document(&example(), &[bar("Setup", "Access", 5, 9)], "We agree.");
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
    let quote = quote(PriceBook::newest().unwrap(), &answers, &required());
    let document = document(&answers, &[], "");
    let lines = document.lines(Pictures::Described);
    let locale = Locale::of(&quote);
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
    let text = "$1,000.50 – $2,000, or $3. US$ 4 and $ and $,";
    assert_eq!(amounts(text), ["$1,000.50", "$2,000", "$3"]);
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
            let quote = quote(PriceBook::newest().unwrap(), &answers(value), &required());
            keys.extend(quote.lines.iter().map(|line| line.key));
        }
    }
    assert_eq!(keys.len(), 23);
    for key in keys {
        assert_ne!(words::item(key), key);
    }
}

#[test]
fn what_is_not_answered_is_said_to_be_missing() {
    let document = document(&answers(json!({ "kpi_selection": { "kpis": ["POF"] } })), &[], "");
    let text = document.lines(Pictures::Drawn).join("\n");
    assert!(text.contains("This is a draft: "), "{text}");
    assert!(text.contains("licenses are not in the price yet"), "{text}");
}

#[test]
fn a_plan_is_drawn_by_phases() {
    let mut bars = vec![
        bar("Setup", "Access", 5, 9),
        bar("", "Odd", 1, 2),
        bar("Setup", "Network", 7, 20),
    ];
    bars[2].critical = true;
    let gantt = |bars: &[GanttBar]| {
        let document = document(&example(), bars, "");
        let blocks = document.chapters.into_iter().flat_map(|chapter| chapter.blocks);
        blocks
            .into_iter()
            .find_map(|block| {
                if let Block::Gantt(gantt) = block {
                    Some(gantt)
                } else {
                    None
                }
            })
            .unwrap()
    };
    let drawn = gantt(&bars);
    let rows: Vec<_> = drawn
        .rows
        .iter()
        .map(|row| (row.task.as_str(), row.who.as_str(), row.start, row.days))
        .collect();
    let expected = [
        ("Other tasks", "", 0, 2),
        ("Odd", "Ana", 0, 2),
        ("Setup", "", 4, 16),
        ("Access", "Ana", 4, 5),
        ("Network", "Ana · critical", 6, 14),
    ];
    assert_eq!(rows, expected);
    assert_eq!((drawn.days, drawn.ticks.len()), (21, 3));
    let many = vec![bar("Setup", "Access", 5, 9); MAX_GANTT_BARS + 1];
    assert_eq!(gantt(&many).rows.len(), 1);
}

/// Renderers span the name of a sum up to its first amount.
#[test]
fn every_row_has_a_cell_for_each_column() {
    let document = document(&example(), &[bar("Setup", "Access", 5, 9)], "");
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
