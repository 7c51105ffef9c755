//! Parts of answers, as they are shown.

use api::ask::{MeasureMode, PlanStep, WindowRule};
use catalog::{Mode, SketchKind};
use series::plan::sketched::Told;
use series::sketch::{RELATIVE_ERROR, STANDARD_ERROR};
use series::windows::Described;

pub(crate) fn step(step: answer::Step) -> PlanStep {
    PlanStep {
        entity: step.entity,
        relation: step.relation.replace('"', ""),
        grouping: step.grouping,
        raw: step.raw,
        level: step.level,
    }
}

pub(crate) fn mode_of(told: &[Told]) -> Mode {
    if told.iter().any(|told| told.from.is_ok()) {
        Mode::Approximate
    } else {
        Mode::Exact
    }
}

pub(crate) fn measure(told: Told) -> MeasureMode {
    let kind = told.from.as_ref().ok().copied();
    MeasureMode {
        measure: told.measure,
        mode: kind.map_or(Mode::Exact, |_| Mode::Approximate),
        relative_error: kind
            .filter(|kind| *kind == SketchKind::Percentiles)
            .map(|_| RELATIVE_ERROR),
        standard_error: kind
            .filter(|kind| *kind == SketchKind::Distinct)
            .map(|_| STANDARD_ERROR),
        reason: told.from.err(),
    }
}

pub(crate) fn window(described: Described) -> WindowRule {
    WindowRule {
        function: described.function,
        rule: described.rule,
        from: described.range.map(|range| range.from),
        to: described.range.map(|range| range.to),
    }
}
