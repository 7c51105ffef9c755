//! The documents of a proposal before they are drawn: one model, from which the PDF and the Word file are made.
//!
//! Everything that a reader sees is decided here: the outline, the wording, the tables, and every number as text. A
//! renderer only places it, so that two renderings of one [`Document`] cannot state different numbers.
//!
//! Text of clients (names, systems, terms) is [`clean`]ed once when it enters. What it says is never read as markup
//! here, and renderers are given it as data.

mod blocks;
mod compose;
mod details;
mod letters;
mod lines;
mod locale;
mod logo;
mod text;
mod theme;
mod words;

use serde::Serialize;

pub use blocks::{
    Align, Bar, Block, Cell, Chart, Column, Fact, Figure, Gantt, GanttRow, Part, Row, RowKind, Table, Tick,
};
pub use details::{Details, MAX_CONDITIONS, MAX_GANTT_BARS, Plan};
pub use letters::{is_printed, unprinted};
pub use lines::{Pictures, amounts};
pub use locale::Locale;
pub use logo::{Logo, MAX_LOGO_BYTES, MAX_LOGO_PIXELS};
pub use text::{MAX_TEXT, clean};
pub use theme::{Colour, Theme, ThemeError};

/// A proposal as its readers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The language of the text, as an ISO 639-1 code.
    pub language: &'static str,
    /// The country whose conventions numbers follow, as an ISO 3166 code.
    pub region: &'static str,
    /// The first page.
    pub cover: Cover,
    /// Colours and logo.
    pub theme: Theme,
    /// The chapters, in their order.
    pub chapters: Vec<Chapter>,
}

/// The first page, and what the header and footer of every other one say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cover {
    /// What the document is.
    pub title: String,
    /// Whom it is for.
    pub client: String,
    /// What it is about.
    pub project: String,
    /// The day of the document, `2026-11-21`: metadata of the file.
    pub iso_date: String,
    /// Who sends it.
    pub prepared_by: String,
    /// Which offer it is, below every other page: revision and day.
    pub reference: String,
    /// Reference, revision, date, validity, currency and sender, as the page shows them.
    pub facts: Vec<Fact>,
}

/// A chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// Its number; the summary before the first one has none.
    pub number: Option<u32>,
    /// Its heading.
    pub title: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

impl Document {
    /// The document of a proposal.
    #[must_use]
    pub fn of(details: &Details<'_>) -> Self {
        compose::document(details)
    }
}

#[cfg(test)]
mod tests;
