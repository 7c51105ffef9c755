//! What is paid once: integration of objects, implementation of KPIs, the environment.

use crate::answers::{Answers, Complexity, Method, Platform};
use crate::price_book::{Fixed, Hourly, PriceBook};
use crate::quote::{Line, Range, Section};
use crate::required::RequiredObjects;

/// Lines of what the cart needs; answers about anything else are not priced.
pub(super) fn lines(book: &PriceBook, answers: &Answers, required: &RequiredObjects) -> Vec<Line> {
    let mut lines = integration(book, answers, required);
    lines.extend(kpis(book, answers, required));
    lines.extend(environment(book, answers));
    lines.sort_by_key(|line| line.section);
    lines
}

fn integration(book: &PriceBook, answers: &Answers, required: &RequiredObjects) -> Vec<Line> {
    let Some(integrations) = &answers.data_integration else {
        return Vec::new();
    };
    let prices = &book.integration;
    let objects = required.objects.iter();
    let line = |code: &String| {
        let answer = integrations.get(code)?;
        let line = match answer.method? {
            Method::BatchConformed => object("integration.batch_conformed", &prices.batch_conformed),
            Method::BatchSingleSource => object("integration.batch_single_source", &prices.batch_single_source),
            Method::BatchMultiSource => object("integration.batch_multi_source", &prices.batch_multi_source),
            Method::BatchEntityResolution => {
                object("integration.batch_entity_resolution", &prices.batch_entity_resolution)
            }
            Method::StreamingArchitected => object("integration.streaming_architected", &prices.streaming_architected),
            Method::StreamingNonArchitected => hourly(
                "integration.streaming_non_architected",
                &prices.streaming_non_architected,
            ),
        };
        Some(line.about(code).of_system(answer.source_system.as_ref()))
    };
    objects.filter_map(|object| line(&object.code)).collect()
}

fn kpis(book: &PriceBook, answers: &Answers, required: &RequiredObjects) -> Vec<Line> {
    let Some(complexities) = &answers.kpi_implementation else {
        return Vec::new();
    };
    let prices = &book.kpi;
    let line = |code: &String| {
        let line = match complexities.get(code)?.complexity? {
            Complexity::OutOfTheBox => kpi("kpi.out_of_the_box", &prices.out_of_the_box),
            Complexity::CustomBasic => kpi("kpi.custom_basic", &prices.custom_basic),
            Complexity::Rbac => kpi("kpi.rbac", &prices.rbac),
            Complexity::DynamicRbac => hourly("kpi.dynamic_rbac", &prices.dynamic_rbac),
        };
        Some(line.about(code))
    };
    required.kpis.iter().filter_map(|kpi| line(&kpi.code)).collect()
}

fn environment(book: &PriceBook, answers: &Answers) -> Option<Line> {
    let environment = answers.environment.as_ref()?;
    let name = match environment.platform? {
        Platform::OnPremises => "on_premises",
        Platform::Azure => "azure",
        Platform::Aws => "aws",
        Platform::Gcp => "gcp",
        Platform::Oracle => "oracle",
        Platform::Existing => return None,
    };
    let architect = &book.environment.cloud_architect;
    let hours = environment
        .cloud_architect_hours
        .map_or_else(|| estimated(architect), Range::exactly);
    let line = Line::new(
        Section::Environment,
        "environment.cloud_architect",
        hours,
        "hour",
        architect.rate,
    );
    Some(line.taking(hours).about(name))
}

fn object(key: &'static str, price: &Fixed) -> Line {
    fixed(Section::DataIntegration, key, price)
}

fn kpi(key: &'static str, price: &Fixed) -> Line {
    fixed(Section::KpiImplementation, key, price)
}

fn fixed(section: Section, key: &'static str, price: &Fixed) -> Line {
    Line::new(section, key, Range::exactly(1), "each", price.price).taking(Range::exactly(price.hours))
}

fn hourly(key: &'static str, price: &Hourly) -> Line {
    let hours = estimated(price);
    Line::new(Section::TimeAndMaterials, key, hours, "hour", price.rate).taking(hours)
}

fn estimated(price: &Hourly) -> Range {
    Range {
        min: price.min_hours,
        max: price.max_hours,
    }
}
