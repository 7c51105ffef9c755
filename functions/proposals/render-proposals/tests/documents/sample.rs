//! A proposal such as a consultancy would send: three value chains, twelve objects, forty KPIs, a plan of thirty tasks.

use document::{Document, Plan, Theme};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use proposal::{Answers, PriceBook, Quote, RequestedKpi, RequiredChain, RequiredObject, RequiredObjects, Terms, quote};
use render_proposals::IssuedRevision;
use schedule::{Bar, Gantt, Phase};
use serde_json::{Value, json};

/// Code, description, source system, method.
const OBJECTS: [(&str, &str, &str, &str); 12] = [
    (
        "Customer",
        "People and companies that buy",
        "Salesforce CRM",
        "streaming_architected",
    ),
    (
        "Order",
        "Sales orders with their lines",
        "SAP S/4HANA",
        "batch_single_source",
    ),
    ("Product", "Items that are sold", "Product database", "batch_conformed"),
    (
        "Shipment",
        "Deliveries on their way",
        "Manhattan TMS",
        "streaming_non_architected",
    ),
    (
        "Supplier",
        "Companies that deliver",
        "SAP Ariba",
        "batch_entity_resolution",
    ),
    (
        "PurchaseOrder",
        "Orders to suppliers",
        "SAP Ariba",
        "batch_single_source",
    ),
    (
        "Inventory",
        "Stock by site and item",
        "Manhattan WMS",
        "batch_multi_source",
    ),
    (
        "Invoice",
        "What customers are charged",
        "SAP S/4HANA",
        "batch_single_source",
    ),
    ("Payment", "What customers have paid", "Kyriba", "batch_conformed"),
    (
        "Opportunity",
        "Deals that may be won",
        "Salesforce CRM",
        "streaming_architected",
    ),
    (
        "SupportCase",
        "Questions and complaints",
        "ServiceNow",
        "streaming_architected",
    ),
    (
        "ReturnOrder",
        "Goods that come back",
        "SAP S/4HANA",
        "batch_multi_source",
    ),
];

const KPIS: [&str; 20] = [
    "Perfect order fulfilment",
    "On-time delivery",
    "Order cycle time",
    "Fill rate",
    "Inventory days of supply",
    "Cash-to-cash cycle time",
    "Supplier on-time delivery",
    "Purchase price variance",
    "Return rate",
    "Cost of goods sold",
    "Days sales outstanding",
    "Customer lifetime value",
    "Win rate",
    "Pipeline coverage",
    "First-contact resolution",
    "Net promoter score",
    "Case backlog",
    "Churn rate",
    "Gross margin",
    "Freight cost per unit",
];

const COMPLEXITIES: [&str; 8] = [
    "out_of_the_box",
    "out_of_the_box",
    "custom_basic",
    "out_of_the_box",
    "rbac",
    "out_of_the_box",
    "custom_basic",
    "rbac",
];

const PHASES: [(Phase, &[&str]); 4] = [
    (Phase::Environment, &["Ana Silva", "Marek Novák"]),
    (Phase::DataIntegration, &["Priya Raman", "Jonas Weber", "Liang Chen"]),
    (Phase::KpiImplementation, &["Jonas Weber", "Liang Chen"]),
    (Phase::Testing, &["Priya Raman", "Jonas Weber"]),
];

/// The first day of the plan.
const START: Date = date(2027, 1, 11);

/// What a document is made of, owned.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) client: String,
    pub(crate) project: String,
    pub(crate) theme: Theme,
    pub(crate) answers: Answers,
    pub(crate) required: RequiredObjects,
    pub(crate) bars: Vec<Bar>,
    pub(crate) terms: Terms,
    pub(crate) conditions: String,
}

impl Sample {
    /// So many KPIs.
    pub(crate) fn new(kpis: usize) -> Self {
        let codes: Vec<String> = (0..kpis).map(code).collect();
        Self {
            client: "Northwind Logistics Group".to_owned(),
            project: "Supply chain control tower".to_owned(),
            theme: Theme::default(),
            answers: answers(&codes),
            required: required(&codes),
            bars: bars(),
            terms: Terms::default(),
            conditions: CONDITIONS.to_owned(),
        }
    }

    pub(crate) fn quote(&self) -> Quote {
        quote(PriceBook::newest().unwrap(), &self.answers, &self.terms, &self.required)
    }

    /// The same on other terms: discounts, a currency, tax.
    pub(crate) fn on_terms(mut self, currency: &str, rate: &str) -> Self {
        let terms = json!({
            "discounts": {
                "licensing": { "percent": "7.5", "reason": "Reference customer of the year" },
                "implementation": { "percent": "10", "reason": "Commissioned as one project" }
            },
            "exchange": { "currency": currency, "rate": rate },
            "tax": { "name": "VAT", "percent": "19" }
        });
        self.terms = serde_json::from_value(terms).unwrap();
        self
    }

    #[allow(dead_code, reason = "the example wants files only")]
    pub(crate) fn document(&self) -> Document {
        self.stored(|issued| issued.document()).unwrap()
    }

    /// Gives the sample to something as it is stored.
    pub(crate) fn stored<T>(&self, read: impl FnOnce(&IssuedRevision<'_>) -> T) -> T {
        let gantt = Gantt::of(START, self.bars.clone());
        let plan = (!self.bars.is_empty()).then_some(Plan {
            start: START,
            gantt: &gantt,
        });
        read(&IssuedRevision {
            proposal: "0193a1c2-6f3e-7c41-9d0a-5b1f0f6f2a77",
            name: &self.project,
            revision: 2,
            client: &self.client,
            date: date(2026, 11, 21),
            valid_until: date(2026, 12, 21),
            answers: &serde_json::to_value(&self.answers).unwrap(),
            terms: &serde_json::to_value(&self.terms).unwrap(),
            required: &serde_json::to_value(&self.required).unwrap(),
            quote: &serde_json::to_value(self.quote()).unwrap(),
            prepared_by: "Meridian Analytics Consulting",
            theme: Some(&self.theme),
            plan,
            conditions: &self.conditions,
        })
    }
}

fn code(index: usize) -> String {
    let name = KPIS[index % KPIS.len()];
    let initials: String = name.split([' ', '-']).filter_map(|word| word.chars().next()).collect();
    format!("{}-{:03}", initials.to_uppercase(), index + 1)
}

fn answers(codes: &[String]) -> Answers {
    let objects = OBJECTS
        .map(|(code, _, system, method)| (code.to_owned(), json!({ "source_system": system, "method": method })));
    let complexity = |(index, code): (usize, &String)| {
        let complexity = if index == 11 {
            "dynamic_rbac"
        } else {
            COMPLEXITIES[index % COMPLEXITIES.len()]
        };
        (code.clone(), json!({ "complexity": complexity }))
    };
    let kpis: serde_json::Map<String, Value> = codes.iter().enumerate().map(complexity).collect();
    let objects: serde_json::Map<String, Value> = objects.into_iter().collect();
    let answers = json!({
        "kpi_selection": { "kpis": codes },
        "licensing": { "term": "three_years", "additional_value_chains": [] },
        "data_integration": objects,
        "kpi_implementation": kpis,
        "environment": { "platform": "aws", "cloud_architect_hours": 60 },
        "retention": {
            "source_active": "days90", "source_archive": true, "source_archive_for": "years5",
            "analytics_active": "days365", "analytics_archive": true, "analytics_archive_for": "years5",
            "granularity": ["minute", "hour", "day", "month"], "compliance": ["gdpr", "sox"]
        },
        "infrastructure": { "daily_volume_gb": "5", "concurrent_users": 800, "refresh_period": "minute", "monthly_transfer_gb": "1000" },
        "managed_services": { "retainer": true, "additional_hours": "from50_to100" }
    });
    serde_json::from_value(answers).unwrap()
}

fn required(codes: &[String]) -> RequiredObjects {
    let chains = ["SCOR", "CRM", "Finance"];
    RequiredObjects {
        kpis: (codes.iter().enumerate())
            .map(|(index, code)| RequestedKpi {
                code: code.clone(),
                name: match index / KPIS.len() {
                    0 => KPIS[index % KPIS.len()].to_owned(),
                    round => format!("{} (view {})", KPIS[index % KPIS.len()], round + 1),
                },
            })
            .collect(),
        objects: (OBJECTS.iter())
            .map(|(code, description, _, _)| RequiredObject {
                code: (*code).to_owned(),
                description: (*description).to_owned(),
                kpis: codes.to_vec(),
            })
            .collect(),
        value_chains: (chains.iter())
            .map(|name| RequiredChain {
                name: (*name).to_owned(),
                kpis: codes.to_vec(),
            })
            .collect(),
        without_value_chain: Vec::new(),
        unknown_kpis: Vec::new(),
    }
}

fn bars() -> Vec<Bar> {
    let bar = |phase: Phase, title: String, who: &str, week: i32, days: i32, critical| Bar {
        task: title.clone(),
        title,
        phase,
        person: (!who.is_empty()).then(|| who.to_owned()),
        from: after(START, week * 7),
        to: after(START, week * 7 + days - 1),
        critical,
        depends_on: Vec::new(),
    };
    let mut bars = vec![
        bar(
            PHASES[0].0,
            "Access to the environment".to_owned(),
            PHASES[0].1[1],
            0,
            3,
            true,
        ),
        bar(
            PHASES[0].0,
            "Network, accounts and permissions".to_owned(),
            PHASES[0].1[0],
            0,
            5,
            true,
        ),
        bar(
            PHASES[0].0,
            "Production environment".to_owned(),
            PHASES[0].1[0],
            1,
            5,
            false,
        ),
    ];
    for (index, (code, ..)) in OBJECTS.iter().enumerate() {
        let who = PHASES[1].1[index % 3];
        let week = 1 + i32::try_from(index / 3).unwrap();
        bars.push(bar(
            PHASES[1].0,
            format!("Integrate {code}"),
            who,
            week,
            4 + i32::try_from(index % 2).unwrap(),
            index % 3 == 0,
        ));
    }
    for index in 0..10 {
        let who = PHASES[2].1[index % 2];
        let week = 3 + i32::try_from(index / 2).unwrap();
        bars.push(bar(
            PHASES[2].0,
            format!("KPIs {} to {}", index * 4 + 1, index * 4 + 4),
            who,
            week,
            5,
            index == 8,
        ));
    }
    for (index, task) in ["System test", "Load test", "User acceptance test", "Training"]
        .iter()
        .enumerate()
    {
        bars.push(bar(
            PHASES[3].0,
            (*task).to_owned(),
            PHASES[3].1[index % 2],
            7 + i32::try_from(index / 2).unwrap(),
            5,
            index == 2,
        ));
    }
    bars.push(bar(Phase::GoLive, "Go-live".to_owned(), "", 9, 1, true));
    bars
}

fn after(day: Date, days: i32) -> Date {
    day.checked_add(days.days()).unwrap()
}

const CONDITIONS: &str = "\
Licenses are invoiced annually in advance, implementation at the milestones of the plan, \
infrastructure and additional hours monthly in arrears. Invoices are due within thirty days.
Fixed prices hold for the scope of this document. Work beyond it is agreed in writing and charged by the hour.
Estimated hours of time and materials are no cap. We report hours weekly and tell when three quarters of an estimate are used.
The client gives access to source systems, test data and contacts as the plan assumes. Delays that come from their absence move the \
plan by the same time.
Each party keeps the other's information confidential for five years beyond the end of the contract.
Either party may end the contract for cause with thirty days' notice. Work that was delivered until then is paid.";
