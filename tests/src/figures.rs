//! The lines that a bench prints: `figure: NAME VALUE (target T) met`, one to a figure, for people and for scripts.
#![allow(clippy::print_stdout, reason = "a bench prints figures")]

use std::fmt;

/// What a figure shall be.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Target {
    /// Whether a value meets it.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(out, "at most {most}"),
            Self::AtLeast(least) => write!(out, "at least {least}"),
        }
    }
}

/// Prints a figure. Its name ends in its unit, such as `live.commit_to_frame_p99_ms`.
pub fn print(name: &str, value: f64) {
    println!("{}", line(name, value, None));
}

/// Prints a figure with its target, and whether it is met.
pub fn print_with_target(name: &str, value: f64, target: Target) {
    println!("{}", line(name, value, Some(target)));
}

fn line(name: &str, value: f64, target: Option<Target>) -> String {
    let shown = rounded(value);
    let Some(target) = target else {
        return format!("figure: {name} {shown}");
    };
    let verdict = if target.is_met(value) { "met" } else { "missed" };
    format!("figure: {name} {shown} (target {target}) {verdict}")
}

/// Three decimals at most, and none that say nothing.
fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_line_with_its_target_and_verdict() {
        let at_most = Some(Target::AtMost(250.0));
        let at_least = Some(Target::AtLeast(0.5));
        for (name, value, target, expected) in [
            ("live.frames_per_s", 1.0, None, "figure: live.frames_per_s 1"),
            (
                "live.p99_ms",
                250.0,
                at_most,
                "figure: live.p99_ms 250 (target at most 250) met",
            ),
            (
                "live.p99_ms",
                250.25,
                at_most,
                "figure: live.p99_ms 250.25 (target at most 250) missed",
            ),
            (
                "ingest.ratio",
                0.75,
                at_least,
                "figure: ingest.ratio 0.75 (target at least 0.5) met",
            ),
            (
                "ingest.ratio",
                0.25,
                at_least,
                "figure: ingest.ratio 0.25 (target at least 0.5) missed",
            ),
            (
                "ingest.ratio",
                1_200.0,
                at_least,
                "figure: ingest.ratio 1200 (target at least 0.5) met",
            ),
        ] {
            assert_eq!(line(name, value, target), expected);
        }
    }
}
