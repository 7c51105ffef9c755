//! `render-proposals`: a proposal's document as PDF, as Word file, and as pictures of its pages.
//!
//! [`IssuedRevision`] is the way in: a revision as it is stored, from which all files are made.
//!
//! The [`document::Document`] says everything; [`pdf`] and [`word`] only place it, so both state the same
//! numbers. Fonts and the template are compiled in; only what takes events and stores files does I/O.
//!
//! Text is only ever text. The template is one fixed file, which reads the document as JSON; no text of a client
//! becomes markup. An offer with letters that no font here has (Chinese, emoji) is not issued; one from before
//! that was so has boxes, whose letters can still be copied and searched.

mod deliver;
mod issued_revision;
pub mod pdf;
pub mod preview;
mod typeset;
pub mod word;

pub use deliver::{Context, handle};
pub use issued_revision::{Files, IssuedRevision, PAGE_SCALE};
pub use typeset::RenderError;
