//! What each step asks.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{AnswerKind, Choice, ChoicePrice, Condition, ForEach, Question, Step, StepKey};
use crate::price_book::PriceBook;
use crate::{
    MAX_ACTIVE_DAYS, MAX_ADDITIONAL_HOURS, MAX_CHAINS, MAX_DAILY_VOLUME_GB, MAX_KPIS, MAX_MONTHLY_TRANSFER_GB,
    MAX_USERS,
};
use catalog::MAX_LABEL;

pub(super) fn all(book: &PriceBook) -> Vec<Step> {
    vec![
        kpi_selection(),
        licensing(book),
        data_integration(book),
        kpi_implementation(book),
        environment(book),
        retention(),
        infrastructure(),
        managed_services(book),
    ]
}

fn step(key: StepKey, title: &'static str, questions: Vec<Question>) -> Step {
    Step {
        key,
        title,
        for_each: None,
        questions,
    }
}

fn question(key: &'static str, text: &'static str, answer: AnswerKind) -> Question {
    Question {
        key,
        text,
        answer,
        required: true,
        default: None,
        condition: None,
    }
}

impl Question {
    fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    fn defaulting_to(mut self, default: impl Into<Value>) -> Self {
        self.default = Some(default.into());
        self
    }

    fn when(mut self, question: &'static str, is_one_of: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        let is_one_of = is_one_of.into_iter().map(Into::into).collect();
        self.condition = Some(Condition { question, is_one_of });
        self
    }
}

fn plain(options: &[(&'static str, &'static str)]) -> Vec<Choice> {
    let choices = options.iter().map(|&(key, text)| Choice { key, text, price: None });
    choices.collect()
}

fn priced(key: &'static str, text: &'static str, amount: Decimal, per: &'static str) -> Choice {
    let amount = amount.to_string();
    Choice {
        key,
        text,
        price: Some(ChoicePrice { amount, per }),
    }
}

fn one_of(options: Vec<Choice>) -> AnswerKind {
    AnswerKind::Choice { options }
}

fn integer(unit: &'static str, min: u32, max: u32) -> AnswerKind {
    AnswerKind::Integer { unit, min, max }
}

fn decimal(unit: &'static str, max: u32) -> AnswerKind {
    AnswerKind::Decimal { unit, min: 0, max }
}

fn kpi_selection() -> Step {
    let cart = AnswerKind::Texts {
        least: 1,
        most: MAX_KPIS,
        max_length: MAX_LABEL,
    };
    let kpis = question("kpis", "Which KPIs are wanted?", cart);
    step(StepKey::KpiSelection, "KPIs", vec![kpis])
}

fn licensing(book: &PriceBook) -> Step {
    const PER: &str = "value chain and year";
    let license = &book.license;
    let terms = one_of(vec![
        priced("one_year", "One year", license.one_year.price, PER),
        priced("three_years", "Three years", license.three_years.price, PER),
        priced("five_years", "Five years", license.five_years.price, PER),
    ]);
    let chains = AnswerKind::Texts {
        least: 0,
        most: MAX_CHAINS,
        max_length: MAX_LABEL,
    };
    let questions = vec![
        question("term", "How long does the licence run?", terms),
        question(
            "additional_value_chains",
            "Which value chains are wanted besides those of the chosen KPIs?",
            chains,
        )
        .optional()
        .defaulting_to(json!([])),
    ];
    step(StepKey::Licensing, "Licence", questions)
}

fn data_integration(book: &PriceBook) -> Step {
    const PER: &str = "object";
    let prices = &book.integration;
    let methods = one_of(vec![
        priced(
            "batch_conformed",
            "Batches in our form",
            prices.batch_conformed.price,
            PER,
        ),
        priced(
            "batch_single_source",
            "Batches of one source, to be transformed",
            prices.batch_single_source.price,
            PER,
        ),
        priced(
            "batch_multi_source",
            "Batches of several sources, to be merged",
            prices.batch_multi_source.price,
            PER,
        ),
        priced(
            "batch_entity_resolution",
            "Batches with duplicates to be matched",
            prices.batch_entity_resolution.price,
            PER,
        ),
        priced(
            "streaming_architected",
            "Stream with a documented interface",
            prices.streaming_architected.price,
            PER,
        ),
        priced(
            "streaming_non_architected",
            "Stream without a documented interface, by the hour",
            prices.streaming_non_architected.rate,
            "hour",
        ),
    ]);
    let system = AnswerKind::Text { max_length: MAX_LABEL };
    let questions = vec![
        question("source_system", "Which system do the data come from?", system),
        question("method", "How do they come in?", methods),
    ];
    Step {
        for_each: Some(ForEach::RequiredObject),
        ..step(StepKey::DataIntegration, "Data sources", questions)
    }
}

fn kpi_implementation(book: &PriceBook) -> Step {
    const PER: &str = "KPI";
    let prices = &book.kpi;
    let complexities = one_of(vec![
        priced(
            "out_of_the_box",
            "As in the catalogue",
            prices.out_of_the_box.price,
            PER,
        ),
        priced("custom_basic", "With small changes", prices.custom_basic.price, PER),
        priced("rbac", "With data restricted by role", prices.rbac.price, PER),
        priced(
            "dynamic_rbac",
            "With data restricted by a hierarchy, by the hour",
            prices.dynamic_rbac.rate,
            "hour",
        ),
    ]);
    Step {
        for_each: Some(ForEach::Kpi),
        ..step(
            StepKey::KpiImplementation,
            "KPI implementation",
            vec![question(
                "complexity",
                "How much of it is made for the client?",
                complexities,
            )],
        )
    }
}

fn environment(book: &PriceBook) -> Step {
    let architect = &book.environment.cloud_architect;
    let on = |key, text| priced(key, text, architect.rate, "hour");
    let platforms = one_of(vec![
        on("on_premises", "The client's own machines"),
        on("azure", "Azure"),
        on("aws", "AWS"),
        on("gcp", "GCP"),
        on("oracle", "Oracle Cloud"),
        Choice {
            key: "existing",
            text: "An environment that exists already",
            price: None,
        },
    ]);
    let whole = |hours: Decimal| u32::try_from(hours).unwrap_or_default();
    let hours = integer("h", whole(architect.min_hours), whole(architect.max_hours));
    let questions = vec![
        question("platform", "Where will the engine run?", platforms),
        question(
            "cloud_architect_hours",
            "How many hours of a cloud architect are agreed?",
            hours,
        )
        .optional()
        .when("platform", ["on_premises", "azure", "aws", "gcp", "oracle"]),
    ];
    step(StepKey::Environment, "Environment", questions)
}

fn retention() -> Step {
    let active = |options| one_of(plain(options));
    let days = || integer("days", 1, MAX_ACTIVE_DAYS);
    let mut questions = vec![
        question(
            "source_active",
            "How long do source data stay in the active database?",
            active(&[
                ("days30", "30 days"),
                ("days90", "90 days"),
                ("days180", "180 days"),
                ("days365", "365 days"),
                ("custom", "Another number of days"),
            ]),
        )
        .defaulting_to("days90"),
        question("source_active_days", "How many days?", days()).when("source_active", ["custom"]),
        question(
            "source_archive",
            "Are they archived after that? Otherwise they are deleted.",
            AnswerKind::Boolean,
        )
        .defaulting_to(true),
        question(
            "source_archive_for",
            "How long do they stay in the archive?",
            one_of(plain(&[
                ("years1", "1 year"),
                ("years3", "3 years"),
                ("years5", "5 years"),
                ("years7", "7 years"),
                ("years10", "10 years"),
                ("indefinitely", "Indefinitely"),
            ])),
        )
        .when("source_archive", [true])
        .defaulting_to("years5"),
        question(
            "analytics_active",
            "How long do computed values stay in the active database?",
            active(&[
                ("days90", "90 days"),
                ("days180", "180 days"),
                ("days365", "365 days"),
                ("days730", "730 days"),
                ("custom", "Another number of days"),
            ]),
        )
        .defaulting_to("days365"),
        question("analytics_active_days", "How many days?", days()).when("analytics_active", ["custom"]),
        question(
            "analytics_archive",
            "Are they archived after that? Otherwise they are deleted.",
            AnswerKind::Boolean,
        )
        .defaulting_to(true),
        question(
            "analytics_archive_for",
            "How long do they stay in the archive?",
            one_of(plain(&[
                ("years3", "3 years"),
                ("years5", "5 years"),
                ("years7", "7 years"),
                ("years10", "10 years"),
                ("indefinitely", "Indefinitely"),
            ])),
        )
        .when("analytics_archive", [true])
        .defaulting_to("years5"),
    ];
    questions.extend(detail_and_compliance());
    step(StepKey::Retention, "Retention", questions)
}

fn detail_and_compliance() -> [Question; 4] {
    let levels = AnswerKind::Choices {
        options: plain(&[
            ("raw", "Every value"),
            ("minute", "By the minute"),
            ("hour", "By the hour"),
            ("day", "By the day"),
            ("month", "By the month"),
        ]),
        least: 1,
    };
    let regulations = AnswerKind::Choices {
        options: plain(&[
            ("gdpr", "GDPR"),
            ("sox", "SOX: 7 years"),
            ("hipaa", "HIPAA: 6 years"),
            ("iso27001", "ISO 27001"),
            ("industry", "A regulation of the industry"),
        ]),
        least: 0,
    };
    [
        question(
            "granularity",
            "Which level of detail of computed values is kept?",
            levels,
        )
        .defaulting_to(json!(["raw", "minute", "hour", "day", "month"])),
        question("compliance", "Which regulations apply?", regulations)
            .optional()
            .defaulting_to(json!([])),
        question(
            "industry_regulation",
            "Which regulation of the industry is it?",
            AnswerKind::Text { max_length: MAX_LABEL },
        )
        .when("compliance", ["industry"]),
        // The longest that an archive can be chosen for, but for ever.
        question(
            "industry_minimum_years",
            "How many years does it require at least?",
            integer("years", 1, 10),
        )
        .when("compliance", ["industry"]),
    ]
}

fn infrastructure() -> Step {
    let periods = one_of(plain(&[
        ("minute", "Every minute"),
        ("hour", "Every hour"),
        ("day", "Every day"),
    ]));
    let questions = vec![
        question(
            "daily_volume_gb",
            "How much source data comes in per day?",
            decimal("GB/day", MAX_DAILY_VOLUME_GB),
        ),
        question(
            "concurrent_users",
            "How many users work at the same time?",
            integer("users", 1, MAX_USERS),
        ),
        question("refresh_period", "How often do dashboards refresh?", periods),
        question(
            "monthly_transfer_gb",
            "How much traffic is there per month, if known?",
            decimal("GB/month", MAX_MONTHLY_TRANSFER_GB),
        )
        .optional(),
    ];
    step(StepKey::Infrastructure, "Load", questions)
}

fn managed_services(book: &PriceBook) -> Step {
    const PER: &str = "hour";
    let hour = book.managed_services.hour.price;
    let bands = one_of(vec![
        Choice {
            key: "up_to50",
            text: "Up to 50, covered by the retainer",
            price: None,
        },
        priced("from50_to100", "From 50 to 100", hour, PER),
        priced("from100_to200", "From 100 to 200", hour, PER),
        priced("custom", "Another number", hour, PER),
    ]);
    let questions = vec![
        question("retainer", "Is an annual support retainer wanted?", AnswerKind::Boolean),
        question("additional_hours", "How many additional hours per year?", bands).when("retainer", [true]),
        question(
            "additional_hours_custom",
            "How many?",
            integer("h", 0, MAX_ADDITIONAL_HOURS),
        )
        .when("additional_hours", ["custom"]),
    ];
    step(StepKey::ManagedServices, "Support", questions)
}
