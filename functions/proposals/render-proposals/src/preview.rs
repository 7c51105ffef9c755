//! The pages of the PDF as pictures, such as a browser shows them before anything is downloaded.

use document::Document;
use typst_layout::PagedDocument;
use typst_render::RenderOptions;

use crate::typeset::{RenderError, Sheet, typeset};

/// The most pages that are drawn: a screen shows a few, and each takes a megabyte of memory.
pub const MAX_PAGES: usize = 60;

/// A picture of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The PNG file.
    pub png: Vec<u8>,
    /// How wide, in pixels.
    pub width: u32,
    /// How high, in pixels.
    pub height: u32,
}

/// The first [`MAX_PAGES`] pages as PNG files. `scale` is pixels for a point: a page of A4 is 595 points wide. It is taken
/// as at least 0.2 and at most 3.
///
/// # Errors
/// When the template stops, which no text makes it.
pub fn pages(document: &Document, scale: f64) -> Result<Vec<Picture>, RenderError> {
    typeset(document, Sheet::Whole, |pages| pictures(pages, scale))
}

pub(crate) fn pictures(document: &PagedDocument, scale: f64) -> Result<Vec<Picture>, RenderError> {
    let options = RenderOptions {
        pixel_per_pt: scale.clamp(0.2, 3.0).into(),
        ..RenderOptions::default()
    };
    let pages = document.pages().iter().take(MAX_PAGES);
    pages
        .map(|page| {
            let pixels = typst_render::render(page, &options);
            let png = pixels
                .encode_png()
                .map_err(|error| RenderError::Picture(error.to_string()))?;
            Ok(Picture {
                png,
                width: pixels.width(),
                height: pixels.height(),
            })
        })
        .collect()
}
