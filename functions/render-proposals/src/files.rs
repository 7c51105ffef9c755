//! What is stored of an issued revision, as the files that its readers get.

use database::branding;
use database::renderings::{Revision, Source};

use crate::RenderError;

/// The files of a revision.
#[derive(Debug)]
pub struct Files {
    /// The document to be printed.
    pub pdf: Vec<u8>,
    /// The document to be edited.
    pub word: Vec<u8>,
    /// Pictures of the PDF's pages.
    pub pages: Vec<Vec<u8>>,
}

/// TODO
pub fn files(_which: Revision, _source: &Source, _branding: Option<&branding::Branding>) -> Result<Files, RenderError> {
    Ok(Files {
        pdf: vec![],
        word: vec![],
        pages: vec![],
    })
}
