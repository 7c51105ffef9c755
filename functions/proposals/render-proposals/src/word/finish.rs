//! What `docx-rs` can't say, put into the parts that it wrote: rows that repeat, descriptions of pictures, language,
//! title and author. Text of the document can't look like any of it: in XML its `<` is `&lt;`.

use document::Document;
use docx_rs::XMLDocx;

use super::tables::HEADER_HEIGHT;

pub(super) fn finish(mut parts: XMLDocx, document: &Document, described: &[String]) -> XMLDocx {
    edit(&mut parts.document, |xml| {
        described_pictures(&repeated_headers(&xml), described)
    });
    let mut next = 1;
    let running = parts.headers.iter_mut().chain(&mut parts.footers);
    for part in std::iter::once(&mut parts.document)
        .chain(running)
        .chain(std::iter::once(&mut parts.footnotes))
    {
        edit(part, |xml| renumbered(&xml, &mut next));
    }
    let language = format!("{}-{}", document.language, document.region);
    edit(&mut parts.styles, |xml| with_language(&xml, &language));
    parts.doc_props.core = core(document, &language).into_bytes();
    parts
}

fn edit(part: &mut Vec<u8>, change: impl FnOnce(String) -> String) {
    // Nothing is lost: what `docx-rs` writes is UTF-8.
    let text = String::from_utf8_lossy(part).into_owned();
    *part = change(text).into_bytes();
}

fn repeated_headers(xml: &str) -> String {
    let height = format!("<w:trHeight w:val=\"{HEADER_HEIGHT}\" w:hRule=\"atLeast\" />");
    xml.replace(&height, &format!("{height}<w:tblHeader />"))
}

/// Counts paragraphs anew: `docx-rs` goes on where another document of the same thread ended.
fn renumbered(xml: &str, next: &mut u32) -> String {
    const ID: &str = "w14:paraId=\"";
    let mut parts = xml.split(ID);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('"').map_or(part, |(_, rest)| rest);
        out += &format!("{ID}{next:08X}\"{rest}");
        *next += 1;
    }
    out
}

/// Gives each picture a number of its own and what it shows.
fn described_pictures(xml: &str, described: &[String]) -> String {
    const UNNAMED: &str = "<wp:docPr id=\"1\" name=\"Figure\" />";
    let mut parts = xml.split(UNNAMED);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        let number = index + 1;
        let text = described.get(index).map(|text| escaped(text)).unwrap_or_default();
        out += &format!("<wp:docPr id=\"{number}\" name=\"Figure {number}\" descr=\"{text}\" />");
        out += part;
    }
    out
}

fn with_language(styles: &str, language: &str) -> String {
    const DEFAULTS: &str = "</w:rPr></w:rPrDefault>";
    styles.replacen(DEFAULTS, &format!("<w:lang w:val=\"{language}\" />{DEFAULTS}"), 1)
}

fn core(document: &Document, language: &str) -> String {
    let cover = &document.cover;
    let title = escaped(&format!("{} – {}", cover.title, cover.project));
    let (client, author, day) = (
        escaped(&cover.client),
        escaped(&cover.prepared_by),
        escaped(&cover.iso_date),
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <dc:title>{title}</dc:title><dc:subject>{client}</dc:subject><dc:creator>{author}</dc:creator>\
         <dc:language>{language}</dc:language>\
         <dcterms:created xsi:type=\"dcterms:W3CDTF\">{day}T00:00:00Z</dcterms:created>\
         <dcterms:modified xsi:type=\"dcterms:W3CDTF\">{day}T00:00:00Z</dcterms:modified></cp:coreProperties>"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
