//! How a value stands to what it is held against.

use formula::Number;
use serde::Serialize;
use utoipa::ToSchema;

use crate::goal::{Goal, Limit};
use crate::kpi::Direction;

/// How a value stands to its target and thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is as good as the threshold of a warning asks, or as the target where there is none.
    OnTarget,
    /// It is beyond that.
    Warning,
    /// It is beyond the critical threshold.
    Critical,
}

impl Direction {
    /// How a value stands to a target and thresholds of which each is declared or not; none where one of them, or the value itself, has no value. A value that is
    /// equal to a threshold is not beyond it. The threshold of a warning decides where there is one, and the target in its place where there is none.
    #[must_use]
    pub fn status(self, value: Option<&Number>, goal: &Goal<Option<Number>>) -> Option<Status> {
        let value = value?;
        let is_met = goal.limits().map(|(_, limit)| self.is_met(value, limit));
        // A part of what is declared would be another rule.
        is_met.collect::<Option<Vec<bool>>>()?;
        let is_beyond = |limit: &Option<Limit<Option<Number>>>| {
            let is_met = limit.as_ref().and_then(|limit| self.is_met(value, limit));
            is_met == Some(false)
        };
        let decides = if goal.warning.is_some() {
            &goal.warning
        } else {
            &goal.target
        };
        Some(match (is_beyond(&goal.critical), is_beyond(decides)) {
            (true, _) => Status::Critical,
            (false, true) => Status::Warning,
            (false, false) => Status::OnTarget,
        })
    }

    /// Whether a value is as good as a limit; `None` where the limit has no value, or no way is good.
    fn is_met(self, value: &Number, limit: &Limit<Option<Number>>) -> Option<bool> {
        match (self, limit) {
            (Self::HigherIsBetter, Limit::One(limit)) => Some(value >= limit.as_ref()?),
            (Self::LowerIsBetter, Limit::One(limit)) => Some(value <= limit.as_ref()?),
            (Self::Between, Limit::Band { from, to }) => {
                let (from, to) = from.as_ref().zip(to.as_ref())?;
                Some(from <= value && value <= to)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A number, a band `from..to`, `?` for what has no value, or nothing.
    fn limit(text: &str) -> Option<Limit<Option<Number>>> {
        let number = |text: &str| text.parse::<Number>().ok();
        match text.split_once("..") {
            _ if text.is_empty() => None,
            None => Some(Limit::One(number(text))),
            Some((from, to)) => Some(Limit::Band {
                from: number(from),
                to: number(to),
            }),
        }
    }

    #[test]
    fn a_value_is_on_target_a_warning_or_critical() {
        use Direction::{Between, HigherIsBetter, LowerIsBetter, Neutral};
        use Status::{Critical, OnTarget, Warning};
        for (direction, [target, warning, critical], statuses) in [
            (
                HigherIsBetter,
                ["95", "90", "80"],
                [
                    ("90", Some(OnTarget)),
                    ("89.99", Some(Warning)),
                    ("80", Some(Warning)),
                    ("79.99", Some(Critical)),
                ],
            ),
            (
                HigherIsBetter,
                ["95", "", ""],
                [
                    ("95", Some(OnTarget)),
                    ("94", Some(Warning)),
                    ("-1", Some(Warning)),
                    ("?", None),
                ],
            ),
            (
                HigherIsBetter,
                ["95", "", "80"],
                [
                    ("96", Some(OnTarget)),
                    ("94", Some(Warning)),
                    ("80", Some(Warning)),
                    ("1", Some(Critical)),
                ],
            ),
            // One wants to be warned while the target is still met.
            (
                HigherIsBetter,
                ["80", "85", "80"],
                [
                    ("85", Some(OnTarget)),
                    ("84", Some(Warning)),
                    ("80", Some(Warning)),
                    ("79", Some(Critical)),
                ],
            ),
            (
                HigherIsBetter,
                ["", "", "80"],
                [
                    ("80", Some(OnTarget)),
                    ("79", Some(Critical)),
                    ("0", Some(Critical)),
                    ("?", None),
                ],
            ),
            (
                LowerIsBetter,
                ["10", "12", "20"],
                [
                    ("12", Some(OnTarget)),
                    ("12.1", Some(Warning)),
                    ("20", Some(Warning)),
                    ("20.1", Some(Critical)),
                ],
            ),
            (
                Between,
                ["", "20..25", "15..30"],
                [
                    ("20", Some(OnTarget)),
                    ("19", Some(Warning)),
                    ("30", Some(Warning)),
                    ("14", Some(Critical)),
                ],
            ),
            (
                Between,
                ["20..25", "", ""],
                [
                    ("25", Some(OnTarget)),
                    ("26", Some(Warning)),
                    ("-5", Some(Warning)),
                    ("?", None),
                ],
            ),
            // What has no value decides nothing, and nor does the rest without it.
            (
                HigherIsBetter,
                ["?", "90", "80"],
                [("95", None), ("85", None), ("70", None), ("?", None)],
            ),
            (
                LowerIsBetter,
                ["10", "12", "?"],
                [("9", None), ("11", None), ("99", None), ("?", None)],
            ),
            (
                Between,
                ["", "20..?", ""],
                [("22", None), ("19", None), ("99", None), ("?", None)],
            ),
            (
                Neutral,
                ["10", "", ""],
                [("9", None), ("10", None), ("11", None), ("?", None)],
            ),
        ] {
            let goal = Goal {
                target: limit(target),
                warning: limit(warning),
                critical: limit(critical),
            };
            for (value, expected) in statuses {
                let value: Option<Number> = value.parse().ok();
                assert_eq!(
                    direction.status(value.as_ref(), &goal),
                    expected,
                    "{value:?} of {goal:?}"
                );
            }
        }
    }
}
