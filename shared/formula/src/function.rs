//! The functions over values: what each is called, and how many arguments it takes. Aggregates, which read facts, are in `measure`.
//!
//! A new function is a variant with its row in [`FUNCTIONS`], its types in `resolve/functions` (over a row) and `check/functions`
//! (over measures), and what it computes in [`Scalar`](crate::Scalar) and [`Finish`](crate::Finish).

use std::fmt;

/// A function over values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `COALESCE(x, y, …)`: the first that has a value.
    Coalesce,
    /// `IF(condition, then, else)`: `then` where the condition is true, otherwise `else`, or no value without one.
    If,
    /// `SECONDS(x)`: how many seconds a duration has.
    Seconds,
    /// `MINUTES(x)`: how many times 60 seconds.
    Minutes,
    /// `HOURS(x)`: how many times 3,600 seconds.
    Hours,
    /// `DAYS(x)`: how many times 24 hours, whatever a calendar's days have.
    Days,
}

/// The most arguments of a call: as many ways out of a missing value as a person can follow.
pub const MAX_ARGUMENTS: usize = 16;

/// A function's name, how many arguments it takes at least and at most, and how it is written.
struct Row {
    function: Function,
    name: &'static str,
    least: usize,
    most: usize,
    usage: &'static str,
}

const FUNCTIONS: [Row; 6] = [
    Row {
        function: Function::Coalesce,
        name: "COALESCE",
        least: 2,
        most: MAX_ARGUMENTS,
        usage: "COALESCE(x, y)",
    },
    Row {
        function: Function::If,
        name: "IF",
        least: 2,
        most: 3,
        usage: "IF(condition, then, else)",
    },
    Row {
        function: Function::Seconds,
        name: "SECONDS",
        least: 1,
        most: 1,
        usage: "SECONDS(duration)",
    },
    Row {
        function: Function::Minutes,
        name: "MINUTES",
        least: 1,
        most: 1,
        usage: "MINUTES(duration)",
    },
    Row {
        function: Function::Hours,
        name: "HOURS",
        least: 1,
        most: 1,
        usage: "HOURS(duration)",
    },
    Row {
        function: Function::Days,
        name: "DAYS",
        least: 1,
        most: 1,
        usage: "DAYS(duration)",
    },
];

impl Function {
    /// The names of all, as formulas write them.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|row| row.name)
    }

    /// The function of a name in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let row = FUNCTIONS.iter().find(|row| row.name.eq_ignore_ascii_case(name))?;
        Some(row.function)
    }

    /// As it is written in formulas.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How it is written, for hints.
    pub(crate) fn usage(self) -> &'static str {
        self.row().usage
    }

    /// Whether it takes so many arguments.
    pub(crate) fn takes(self, arguments: usize) -> bool {
        let row = self.row();
        (row.least..=row.most).contains(&arguments)
    }

    /// How many arguments it takes, in words.
    pub(crate) fn arity(self) -> String {
        let row = self.row();
        match row.most - row.least {
            0 => row.least.to_string(),
            1 => format!("{} or {}", row.least, row.most),
            _ => format!("{} to {}", row.least, row.most),
        }
    }

    /// The seconds of the unit in which it tells a duration, if it is one of those that do.
    #[must_use]
    pub fn unit_s(self) -> Option<u32> {
        match self {
            Function::Coalesce | Function::If => None,
            Function::Seconds => Some(1),
            Function::Minutes => Some(60),
            Function::Hours => Some(3_600),
            Function::Days => Some(86_400),
        }
    }

    fn row(self) -> &'static Row {
        let [coalesce, choice, seconds, minutes, hours, days] = &FUNCTIONS;
        match self {
            Function::Coalesce => coalesce,
            Function::If => choice,
            Function::Seconds => seconds,
            Function::Minutes => minutes,
            Function::Hours => hours,
            Function::Days => days,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_its_own_row() {
        for row in &FUNCTIONS {
            assert_eq!(row.function.name(), row.name);
            assert_eq!(Function::named(&row.name.to_lowercase()), Some(row.function));
            assert!(row.least <= row.most && row.usage.starts_with(row.name), "{}", row.name);
        }
        assert!(Function::If.takes(2) && Function::If.takes(3) && !Function::If.takes(4));
    }
}
