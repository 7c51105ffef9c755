//! Whatever the text, checking it as a KPI's formula and as a derived attribute's ends with a formula or with at least one diagnostic. In time.
#![no_main]

use formula::{compile, compile_row};
use fuzz::{Sample, in_time, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = text(bytes) else { return };
    let sample = Sample::default();
    if let Err(diagnostics) = in_time("checking a KPI's formula", || compile(text, &sample)) {
        assert!(!diagnostics.is_empty(), "{text:?} is refused without a reason");
    }
    if let Err(diagnostics) = in_time("checking a derived attribute's", || compile_row(text, sample.row())) {
        assert!(!diagnostics.is_empty(), "{text:?} is refused without a reason");
    }
});
