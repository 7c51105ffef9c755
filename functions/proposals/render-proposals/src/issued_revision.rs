//! An issued revision: from what is stored of it to the files that its readers get.

use document::{Details, Document, Plan, Theme};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::preview::{Picture, pictures};
use crate::typeset::{RenderError, Sheet, typeset};
use crate::{pdf, word};

/// Pixels for a point of the pictures of pages: sharp on a screen, 893 pixels wide.
pub const PAGE_SCALE: f64 = 1.5;

/// A revision as it was issued. Its four parts are the JSON that `core.proposal_revisions` holds.
#[derive(Debug, Clone, Copy)]
pub struct IssuedRevision<'a> {
    /// The id of the proposal.
    pub proposal: &'a str,
    /// Its name: that of the project.
    pub name: &'a str,
    /// The number of the revision.
    pub revision: i32,
    /// The name of the client.
    pub client: &'a str,
    /// The day of the issue in the client's calendar.
    pub date: Date,
    /// The last day on which it can be accepted.
    pub valid_until: Date,
    /// [`proposal::Answers`].
    pub answers: &'a Value,
    /// [`proposal::Terms`].
    pub terms: &'a Value,
    /// [`proposal::RequiredObjects`].
    pub required: &'a Value,
    /// [`proposal::Quote`].
    pub quote: &'a Value,
    /// Who sends it; may be empty.
    pub prepared_by: &'a str,
    /// The colours and the logo; those of the product when there are none.
    pub theme: Option<&'a Theme>,
    /// Who does the work, and when; the documents say nothing about it when nothing is planned.
    pub plan: Option<Plan<'a>>,
    /// Terms and conditions, a paragraph a line; may be empty.
    pub conditions: &'a str,
}

/// The files of a revision. All state the same numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// The Word file.
    pub docx: Vec<u8>,
    /// Pictures of the PDF's first [`crate::preview::MAX_PAGES`] pages.
    pub pages: Vec<Picture>,
}

impl IssuedRevision<'_> {
    /// What its readers see.
    ///
    /// # Errors
    /// When a part of what is stored can't be read: which, and why.
    pub fn document(&self) -> Result<Document, RenderError> {
        let theme = self.theme.cloned().unwrap_or_default();
        Ok(Document::of(&Details {
            reference: self.proposal,
            revision: self.revision,
            client: self.client,
            project: self.name,
            date: self.date,
            valid_until: self.valid_until,
            prepared_by: self.prepared_by,
            theme: &theme,
            answers: &self.part("answers", self.answers)?,
            terms: &self.part("terms", self.terms)?,
            required: &self.part("required objects", self.required)?,
            quote: &self.part("quote", self.quote)?,
            plan: self.plan,
            conditions: self.conditions,
        }))
    }

    /// Its files.
    ///
    /// # Errors
    /// As [`Self::document`], and when the logo is broken inside. No text makes it fail.
    pub fn render(&self) -> Result<Files, RenderError> {
        let document = self.document()?;
        // PDF and pictures are of the same pages, so these are laid out once.
        let (pdf, pages) = typeset(&document, Sheet::Whole, |pages| {
            Ok((pdf::written(pages)?, pictures(pages, PAGE_SCALE)?))
        })?;
        let docx = word::render(&document)?;
        Ok(Files { pdf, docx, pages })
    }

    fn part<T: for<'de> Deserialize<'de>>(&self, what: &'static str, stored: &Value) -> Result<T, RenderError> {
        T::deserialize(stored).map_err(|cause| RenderError::Stored {
            what,
            revision: self.revision,
            proposal: self.proposal.to_owned(),
            cause,
        })
    }
}
