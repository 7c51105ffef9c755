//! The routes of formulas that nothing is defined by yet.

use std::sync::Arc;

use api::catalog::formulas::{
    CheckedFormula, Completion, Completions, FormulaMeasure, FormulaOf, FormulaPlace, FormulaReads, FormulaRemark,
    FormulaRollup, FormulaText,
};
use axum::Json;
use axum::extract::State;
use catalog::{Entity, FormulaReport};
use formula::{Diagnostic, MAX_LENGTH, Measure, Subject, complete, utf16_position, utf16_span};
use platform::Problem;
use platform::extract::{Authorized, Json as Body};
use platform::problem::Issue;
use records::definitions::ClientCatalog;

use crate::Context;
use crate::refusals::no_entity;

pub(crate) async fn check(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(text): Body<FormulaText>,
) -> Result<Json<CheckedFormula>, Problem> {
    let known = context.definitions(caller.client).await?;
    let source = text.formula.as_str();
    let report = match &text.of {
        Some(of) => entity(&known, of)?.report(source),
        None => known.catalog.report(source),
    };
    Ok(Json(shown(&known, source, report)))
}

pub(crate) async fn completions(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(place): Body<FormulaPlace>,
) -> Result<Json<Completions>, Problem> {
    let known = context.definitions(caller.client).await?;
    let source = place.formula.as_str();
    let position = position(source, place.position)?;
    let found = match &place.of {
        Some(of) => complete(source, position, Subject::Row(entity(&known, of)?.attributes())),
        None => complete(source, position, Subject::Kpi(&known.catalog)),
    };
    let utf16 = utf16_span(source, &found.replaces);
    let items = found.items.into_iter().map(|item| Completion {
        label: item.label,
        kind: item.kind,
        insert: item.insert,
        detail: Some(item.detail).filter(|detail| !detail.is_empty()),
    });
    Ok(Json(Completions {
        replaces: [found.replaces.start, found.replaces.end],
        replaces_utf16: [utf16.start, utf16.end],
        items: items.collect(),
        incomplete: found.incomplete,
    }))
}

/// The byte of a place that is counted in UTF-16 code units.
fn position(source: &str, units: usize) -> Result<usize, Problem> {
    if source.len() > MAX_LENGTH {
        let detail = format!("the formula has {} bytes, and {MAX_LENGTH} are allowed", source.len());
        let hint = "split it into several KPIs or derived attributes";
        return Err(wrong("/formula", detail, hint));
    }
    utf16_position(source, units).ok_or_else(|| {
        let detail = format!("{units} is no place between two characters of the formula");
        let hint = "count UTF-16 code units from the start of the formula, as JavaScript's `length` does";
        wrong("/position", detail, hint)
    })
}

/// The entity that a row's formula would be of.
fn entity<'a>(known: &'a ClientCatalog, of: &FormulaOf) -> Result<&'a Arc<Entity>, Problem> {
    let entity = known.catalog.entity(&of.entity);
    entity.ok_or_else(|| no_entity(&known.catalog, &of.entity))
}

/// One thing is wrong with a body.
fn wrong(pointer: &str, detail: String, hint: &str) -> Problem {
    let issue = Issue {
        pointer: pointer.to_owned(),
        detail: detail.clone(),
        hint: Some(hint.to_owned()),
        span: None,
    };
    Problem::invalid(detail).hint(hint).issues(vec![issue])
}

fn shown(known: &ClientCatalog, source: &str, report: FormulaReport) -> CheckedFormula {
    let remarks = |found: Vec<Diagnostic>| found.into_iter().map(|found| remark(source, found)).collect();
    let reads = report.reads.into_iter().map(|(entity, attributes)| FormulaReads {
        entity,
        attributes: attributes.into_iter().collect(),
    });
    CheckedFormula {
        canonical: report.canonical,
        diagnostics: remarks(report.diagnostics),
        hints: remarks(report.hints),
        result: report.result,
        measures: report.measures.iter().map(|measure| answered(known, measure)).collect(),
        reads: reads.collect(),
    }
}

fn remark(source: &str, found: Diagnostic) -> FormulaRemark {
    let utf16 = utf16_span(source, &found.span);
    FormulaRemark {
        code: found.code,
        detail: found.message,
        hint: found.hint,
        span: [found.span.start, found.span.end],
        span_utf16: [utf16.start, utf16.end],
    }
}

/// A measure with the rollup that answers it now: one that is still being filled does not.
fn answered(known: &ClientCatalog, measure: &Measure) -> FormulaMeasure {
    let rollup = known.placed.get(&measure.entity).and_then(|placed| {
        let (grouping, finest) = series::covered(&placed.readable, measure)?;
        let grouping = placed.readable.groupings().get(grouping)?;
        Some(FormulaRollup {
            dimensions: grouping.dimensions.clone(),
            finest,
        })
    });
    FormulaMeasure {
        measure: measure.to_string(),
        entity: measure.entity.clone(),
        rollup,
    }
}
