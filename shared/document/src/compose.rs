//! From a proposal to its document: the outline, chapter by chapter.

mod commercial;
mod implementation;
mod infrastructure;
mod licensing;
mod schedule;
mod summary;
mod support;
mod totals;

use proposal::{Line, Range, Section};
use rust_decimal::Decimal;

use super::blocks::{Block, Fact};
use super::details::{Details, MAX_CONDITIONS};
use super::locale::Locale;
use super::text::{clean, paragraphs};
use super::{Chapter, Cover, Document};

const TITLE: &str = "Analytics Engine Service Proposal";

/// A chapter before it has a number.
type Draft = (&'static str, Vec<Block>);

/// What every chapter is written from.
struct Writer<'a> {
    details: &'a Details<'a>,
    locale: Locale,
}

pub(super) fn document(details: &Details<'_>) -> Document {
    let writer = Writer {
        details,
        locale: Locale::of(details.quote),
    };
    let numbered = [
        Some(writer.licensing()),
        Some(writer.implementation()),
        Some(writer.infrastructure()),
        Some(writer.support()),
        Some(writer.totals()),
        writer.schedule(),
        writer.conditions(),
        Some(writer.next_steps()),
    ];
    let (title, blocks) = writer.summary();
    let summary = Chapter {
        number: None,
        title: title.to_owned(),
        blocks,
    };
    let numbered = (1..)
        .zip(numbered.into_iter().flatten())
        .map(|(number, (title, blocks))| Chapter {
            number: Some(number),
            title: title.to_owned(),
            blocks,
        });
    Document {
        language: Locale::LANGUAGE,
        region: Locale::REGION,
        cover: writer.cover(),
        theme: details.theme.clone(),
        chapters: std::iter::once(summary).chain(numbered).collect(),
    }
}

impl Writer<'_> {
    fn cover(&self) -> Cover {
        let details = self.details;
        let prepared_by = clean(details.prepared_by);
        let facts = [
            ("Reference", clean(details.reference)),
            ("Revision", details.revision.to_string()),
            ("Date", self.locale.date(details.date)),
            ("Valid until", self.locale.date(details.valid_until)),
            ("Currency", clean(&details.quote.currency)),
            ("Prepared by", prepared_by.clone()),
        ];
        Cover {
            title: TITLE.to_owned(),
            client: clean(details.client),
            project: clean(details.project),
            iso_date: details.date.to_string(),
            prepared_by,
            reference: format!("Revision {}, {}", details.revision, self.locale.date(details.date)),
            facts: (facts.into_iter())
                .filter(|(_, value)| !value.is_empty())
                .map(|(label, value)| Fact::new(label, value))
                .collect(),
        }
    }

    /// The lines of a part of the quote.
    fn lines(&self, section: Section) -> impl Iterator<Item = &Line> + Clone {
        self.details
            .quote
            .lines
            .iter()
            .filter(move |line| line.section == section)
    }

    fn money(&self, amount: Range) -> String {
        self.locale.money_range(amount)
    }

    fn conditions(&self) -> Option<Draft> {
        let mut conditions: Vec<String> = paragraphs(self.details.conditions).take(MAX_CONDITIONS + 1).collect();
        if conditions.len() > MAX_CONDITIONS {
            conditions.truncate(MAX_CONDITIONS);
            conditions.push("The full terms and conditions are available on request.".to_owned());
        }
        let blocks: Vec<Block> = conditions.into_iter().map(|text| Block::Paragraph { text }).collect();
        (!blocks.is_empty()).then_some(("Terms and conditions", blocks))
    }

    fn next_steps(&self) -> Draft {
        let items = [
            "Review and approve this proposal.",
            "Sign the license agreement.",
            "Hold the kick-off meeting.",
            "Begin the implementation.",
        ];
        let until = self.locale.date(self.details.valid_until);
        let blocks = vec![
            Block::List {
                ordered: true,
                items: items.map(str::to_owned).to_vec(),
            },
            Block::Facts {
                facts: vec![Fact::new("Proposal valid until", until)],
            },
            heading("Acceptance"),
            paragraph(format!(
                "By signing, both parties accept revision {} of this proposal{}.",
                self.details.revision,
                if self.details.conditions.trim().is_empty() {
                    ""
                } else {
                    " with its terms and conditions"
                }
            )),
            Block::Signatures {
                parties: vec![clean(self.details.client), clean(self.details.prepared_by)],
                lines: ["Name", "Title", "Date", "Signature"].map(str::to_owned).to_vec(),
            },
        ];
        ("Next steps", blocks)
    }
}

fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph { text: text.into() }
}

fn heading(text: &str) -> Block {
    Block::Heading { text: text.to_owned() }
}

fn note(text: impl Into<String>) -> Block {
    Block::Note { text: text.into() }
}

/// A range times a whole number.
fn times(range: Range, count: u32) -> Range {
    Range {
        min: range.min * Decimal::from(count),
        max: range.max * Decimal::from(count),
    }
}

/// A word with its first letter large.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
