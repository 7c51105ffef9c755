//! What a definition does that its author may not expect, as it is told beside the definition.

use api::catalog::Hint;
use catalog::Problem;

pub(crate) fn shown(hints: Vec<Problem>) -> Vec<Hint> {
    let hints = hints.into_iter();
    hints
        .map(|hint| Hint {
            pointer: hint.pointer,
            detail: hint.message,
            hint: hint.hint,
            span: hint.span.map(|span| [span.start, span.end]),
        })
        .collect()
}
