//! Whatever the text, parsing gives a tree, and each diagnostic is within the text. In time.
#![no_main]

use formula::parse;
use fuzz::{in_time, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = text(bytes) else { return };
    let parsed = in_time("parsing", || parse(text));
    for diagnostic in &parsed.diagnostics {
        let span = &diagnostic.span;
        assert!(
            span.start <= span.end && text.get(span.start..span.end).is_some(),
            "{diagnostic:?} is not in {text:?}"
        );
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
    }
});
