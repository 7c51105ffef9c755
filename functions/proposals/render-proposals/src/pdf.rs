//! The PDF: tagged, with contents, page numbers and bookmarks.

use document::Document;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::typeset::{RenderError, Sheet, typeset};

/// The document as PDF. The same document gives the same bytes.
///
/// It conforms to PDF/UA-1, which readers for the blind ask for, unless it holds letters that no font here has: the
/// standard allows no boxes instead of letters. Then it is tagged all the same.
///
/// # Errors
/// When the template stops, which no text makes it.
pub fn render(document: &Document) -> Result<Vec<u8>, RenderError> {
    typeset(document, Sheet::Whole, written)
}

/// Pages that are laid out already.
pub(crate) fn written(pages: &PagedDocument) -> Result<Vec<u8>, RenderError> {
    accessible(pages).map_or_else(|| write(pages, &options()), Ok)
}

fn accessible(pages: &PagedDocument) -> Option<Vec<u8>> {
    let standards = PdfStandards::new(&[PdfStandard::Ua_1]).ok()?;
    write(pages, &PdfOptions { standards, ..options() }).ok()
}

fn options() -> PdfOptions {
    PdfOptions::default()
}

fn write(pages: &PagedDocument, options: &PdfOptions) -> Result<Vec<u8>, RenderError> {
    typst_pdf::pdf(pages, options).map_err(|errors| RenderError::layout(&errors))
}
