//! What is parsed without a diagnostic is printed so that it is parsed to the same again, and printed the same. In time.
#![no_main]

use formula::{MAX_LENGTH, parse};
use fuzz::{in_time, meaning, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = text(bytes) else { return };
    let parsed = parse(text);
    if !parsed.diagnostics.is_empty() {
        return;
    }
    let printed = in_time("printing", || parsed.tree.to_string());
    // Spaces are written that were not there: what is nearly too long may become it.
    if printed.len() > MAX_LENGTH {
        return;
    }
    let again = parse(&printed);
    assert!(
        again.diagnostics.is_empty(),
        "{text:?} is printed as {printed:?}: {:?}",
        again.diagnostics
    );
    assert_eq!(again.tree.to_string(), printed, "{text:?}");
    assert_eq!(
        meaning(&again.tree),
        meaning(&parsed.tree),
        "{text:?} is printed as {printed:?}"
    );
});
