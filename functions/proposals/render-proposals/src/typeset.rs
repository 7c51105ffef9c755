//! Typesetting: Typst with our template and fonts, and nothing else that a template could reach.

use std::sync::LazyLock;

use document::Document;
use serde::Serialize;
use serde_json::Value;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;

const TEMPLATE: &str = include_str!("../templates/proposal.typ");

/// Latin, Greek and Cyrillic in three cuts; Arabic and Hebrew in one. `fonts/README.md` says where they come from.
const FONTS: [&[u8]; 5] = [
    include_bytes!("../fonts/Inter-Regular.otf"),
    include_bytes!("../fonts/Inter-SemiBold.otf"),
    include_bytes!("../fonts/Inter-Italic.otf"),
    include_bytes!("../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../fonts/NotoSansHebrew-Regular.ttf"),
];

/// Characters without a place to break, above which one is made: a column of a table is about this wide.
const UNBROKEN: usize = 18;

/// Documents that Typst's memory of results outlives. The template's own results are used by every document and stay;
/// those of a document are dropped when the document after the next is typeset.
const REMEMBERED: usize = 1;

/// Why a document could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// What is stored of a revision is not what this version reads.
    #[error("the {what} of revision {revision} of proposal {proposal} can't be read: {cause}")]
    Stored {
        /// Which part.
        what: &'static str,
        /// The revision.
        revision: i32,
        /// The id of the proposal.
        proposal: String,
        /// Why.
        cause: serde_json::Error,
    },
    /// The document could not be handed to the template.
    #[error("the document can't be written as JSON: {0}")]
    Data(#[from] serde_json::Error),
    /// The template stopped: a defect of it.
    #[error("the document can't be laid out: {0}")]
    Layout(String),
    /// A picture could not be written.
    #[error("a page can't be written as PNG: {0}")]
    Picture(String),
    /// The Word file could not be packed.
    #[error("the Word file can't be packed: {0}")]
    Word(String),
}

impl RenderError {
    pub(crate) fn layout(errors: &[SourceDiagnostic]) -> Self {
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        Self::Layout(messages.join("; "))
    }
}

/// What is the same for all documents.
struct Typesetter {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    data: Option<FileId>,
    logo: Option<FileId>,
}

static TYPESETTER: LazyLock<Typesetter> = LazyLock::new(|| {
    let fonts: Vec<Font> = FONTS.iter().flat_map(|font| Font::iter(Bytes::new(*font))).collect();
    let id = |path: &str| {
        let path = VirtualPath::new(path).ok()?;
        Some(RootedPath::new(VirtualRoot::Project, path).intern())
    };
    Typesetter {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
        template: match id("/proposal.typ") {
            Some(id) => Source::new(id, TEMPLATE.to_owned()),
            None => Source::detached(TEMPLATE),
        },
        data: id("/document.json"),
        logo: id("/logo"),
    }
});

/// What of a document is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sheet {
    /// All of it.
    Whole,
    /// Its charts, each on a page of its own size: for the Word file.
    Charts,
    /// Its logo on a page of its own size.
    Logo,
}

/// Lays a document out, and hands the pages to `export` before Typst forgets them.
pub(crate) fn typeset<T>(
    document: &Document,
    sheet: Sheet,
    export: impl FnOnce(&PagedDocument) -> Result<T, RenderError>,
) -> Result<T, RenderError> {
    let job = Job {
        data: Bytes::new(data(document, sheet)?),
        logo: document.theme.logo.as_ref().map(|logo| Bytes::new(logo.png().to_vec())),
    };
    let pages = typst::compile::<PagedDocument>(&job).output;
    let result = pages
        .map_err(|errors| RenderError::layout(&errors))
        .and_then(|pages| export(&pages));
    typst::comemo::evict(REMEMBERED);
    result
}

/// The document as the template reads it: the model, what is drawn of it, and colours that text is readable in.
fn data(document: &Document, sheet: Sheet) -> Result<Vec<u8>, RenderError> {
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(flatten)]
        document: &'a Document,
        sheet: Sheet,
        heading: String,
        has_logo: bool,
    }
    let mut value = serde_json::to_value(Data {
        document,
        sheet,
        heading: document.theme.primary.for_text().to_string(),
        has_logo: document.theme.logo.is_some(),
    })?;
    make_breakable(&mut value);
    Ok(serde_json::to_vec(&value)?)
}

/// Gives every long word places to break, so that it stays in its column.
fn make_breakable(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(broken) = breakable(text) {
                *text = broken;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_breakable),
        Value::Object(fields) => fields.values_mut().for_each(make_breakable),
        _ => {}
    }
}

/// The text with a zero-width space after every [`UNBROKEN`] letters of a word; `None` when no word is so long.
fn breakable(text: &str) -> Option<String> {
    const ZERO_WIDTH_SPACE: char = '\u{200b}';
    if text.split_whitespace().all(|word| word.chars().count() <= UNBROKEN) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + text.len() / UNBROKEN * ZERO_WIDTH_SPACE.len_utf8());
    let mut length = 0;
    for c in text.chars() {
        length = if c.is_whitespace() { 0 } else { length + 1 };
        // Not before a mark or a joiner: these belong to the letter before them.
        if length > UNBROKEN && c.is_alphanumeric() {
            out.push(ZERO_WIDTH_SPACE);
            length = 1;
        }
        out.push(c);
    }
    Some(out)
}

/// One document that is being typeset.
struct Job {
    data: Bytes,
    logo: Option<Bytes>,
}

impl World for Job {
    fn library(&self) -> &LazyHash<Library> {
        &TYPESETTER.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &TYPESETTER.book
    }

    fn main(&self) -> FileId {
        TYPESETTER.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == TYPESETTER.template.id() {
            Ok(TYPESETTER.template.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let logo = self.logo.as_ref().filter(|_| Some(id) == TYPESETTER.logo);
        let data = Some(&self.data).filter(|_| Some(id) == TYPESETTER.data);
        data.or(logo).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        TYPESETTER.fonts.get(index).cloned()
    }

    /// There is no clock: the date is in the document.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests;
