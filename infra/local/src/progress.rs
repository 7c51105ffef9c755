//! What a person at the terminal sees while the cloud starts: one line per step, with its seconds.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

/// Width of a step's name, so that the seconds line up.
const WIDTH: usize = 52;

/// Prints to standard output, or nothing at all.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    quiet: bool,
    terminal: bool,
}

/// A step under way; dropping it without [`Step::done`] leaves the line open for the error that follows.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    name: String,
    started: Instant,
    shown_percent: Option<u64>,
}

impl Progress {
    /// Shows progress unless it is to be quiet.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Begins a step.
    #[must_use]
    pub fn step(self, name: impl Into<String>) -> Step {
        let step = Step {
            progress: self,
            name: name.into(),
            started: Instant::now(),
            shown_percent: None,
        };
        // Without a terminal, a line without its end would stay in a buffer or mix with the log.
        if self.terminal {
            self.write(&format!("  {:<WIDTH$}", step.name));
        }
        step
    }

    /// Prints a line.
    pub fn line(self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write(self, text: &str) {
        if !self.quiet {
            let mut out = std::io::stdout().lock();
            // Nobody reads on: that is no reason to stop the cloud.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}

impl Step {
    /// Shows how much is done; without a terminal a line for every tenth.
    pub fn percent(&mut self, done: u64, total: u64) {
        let percent = done.min(total) * 100 / total.max(1);
        let shown = if self.progress.terminal {
            percent
        } else {
            percent / 10 * 10
        };
        if self.shown_percent.replace(shown) == Some(shown) {
            return;
        }
        if self.progress.terminal {
            self.progress.write(&format!("\r  {:<WIDTH$}{shown:>5} %", self.name));
        } else {
            self.progress.line(&format!("  {:<WIDTH$}{shown:>5} %", self.name));
        }
    }

    /// Ends the step and shows its seconds.
    pub fn done(self) {
        self.end("");
    }

    /// Ends the step with a remark.
    pub fn done_with(self, remark: &str) {
        self.end(&format!("  {remark}"));
    }

    fn end(self, remark: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let start = if self.progress.terminal { "\r" } else { "" };
        self.progress
            .line(&format!("{start}  {:<WIDTH$}{seconds:>5.1} s{remark}", self.name));
    }
}
