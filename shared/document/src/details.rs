//! What a document is made of.

use jiff::civil::Date;
use proposal::{Answers, Quote, RequiredObjects, Terms};
use schedule::Gantt;

use super::theme::Theme;

/// The most tasks that are drawn one by one; of more, only the phases are.
pub const MAX_GANTT_BARS: usize = 150;

/// The most paragraphs of conditions: more than a contract has. What is beyond is left out, and the document says so.
pub const MAX_CONDITIONS: usize = 500;

/// A proposal with everything that its documents say.
#[derive(Debug, Clone, Copy)]
pub struct Details<'a> {
    /// What the proposal is filed under: its id. Empty when there is none to tell.
    pub reference: &'a str,
    /// Counts its revisions.
    pub revision: i32,
    /// The name of the client.
    pub client: &'a str,
    /// The name of the project.
    pub project: &'a str,
    /// The day of the document.
    pub date: Date,
    /// The last day on which it can be accepted.
    pub valid_until: Date,
    /// Who sends it; may be empty.
    pub prepared_by: &'a str,
    /// Colours and logo.
    pub theme: &'a Theme,
    /// What was answered.
    pub answers: &'a Answers,
    /// What was agreed beyond the list prices. The quote was made with these.
    pub terms: &'a Terms,
    /// What the cart needs, with the names of KPIs and objects.
    pub required: &'a RequiredObjects,
    /// What it costs.
    pub quote: &'a Quote,
    /// Who does what when; `None` when nothing is planned yet, and then the document says nothing about it.
    pub plan: Option<Plan<'a>>,
    /// Terms and conditions, a paragraph a line; may be empty.
    pub conditions: &'a str,
}

/// A plan of the work.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The first day of the project, which weeks are counted from.
    pub start: Date,
    /// Tasks and phases.
    pub gantt: &'a Gantt,
}
