//! What a document is made of.

use jiff::civil::Date;

use super::branding::Branding;
use crate::answers::Answers;
use crate::quote::Quote;
use crate::required::RequiredObjects;

/// The most tasks that are drawn one by one; of more, only the phases are.
pub const MAX_GANTT_BARS: usize = 150;

/// The most paragraphs of terms: more than a contract has. What is beyond is left out, and the document says so.
pub const MAX_TERMS: usize = 500;

/// A proposal with everything that its documents say.
#[derive(Debug, Clone, Copy)]
pub struct Details<'a> {
    /// The name of the client.
    pub client: &'a str,
    /// The name of the project.
    pub project: &'a str,
    /// The day of the document.
    pub date: Date,
    /// The last day on which it can be accepted.
    pub valid_until: Date,
    /// The version of the document, `1.0`.
    pub version: &'a str,
    /// Who sends it.
    pub prepared_by: &'a str,
    /// Colours and logo.
    pub branding: &'a Branding,
    /// What it costs.
    pub quote: &'a Quote,
    /// What was answered.
    pub answers: &'a Answers,
    /// What the cart needs, with the names of KPIs and objects.
    pub required: &'a RequiredObjects,
    /// Who does what when; empty when nothing is planned yet.
    pub gantt: &'a [GanttBar],
    /// Terms and conditions, a paragraph a line; may be empty.
    pub terms: &'a str,
}

/// A task of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GanttBar {
    /// The part of the project that it belongs to.
    pub phase: String,
    /// What is done.
    pub task: String,
    /// The person, or the role while nobody is named; empty for a milestone.
    pub who: String,
    /// The first day.
    pub from: Date,
    /// The last day, included.
    pub to: Date,
    /// Whether the end of the project hangs on it.
    pub critical: bool,
}
