//! Text out of PDF and Word files.

use std::io::{Cursor, Read as _};

/// The text of each page, without the zero-width spaces that long words are broken at, with any white space as one space.
pub(crate) fn pdf_pages(pdf: &[u8]) -> Vec<String> {
    let pages = pdf_extract::extract_text_from_mem_by_pages(pdf).unwrap();
    pages.iter().map(|page| plain(page)).collect()
}

/// The text of all pages.
pub(crate) fn pdf_text(pdf: &[u8]) -> String {
    pdf_pages(pdf).join(" ")
}

fn plain(text: &str) -> String {
    let visible: String = text.chars().filter(|c| *c != '\u{200b}').collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A part of a Word file.
pub(crate) fn part(docx: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The text of a Word file: its paragraphs, in their order.
pub(crate) fn docx_text(docx: &[u8]) -> Vec<String> {
    paragraphs(&part(docx, "word/document.xml"))
}

/// The paragraphs of a part. What is no well-formed XML fails.
fn paragraphs(xml: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    let mut text = String::new();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if open.last() == Some(&"w:t") {
            text += &unescaped(before);
        } else {
            assert!(
                before.trim().is_empty() || open.last().is_some_and(|name| *name != "w:p"),
                "{before:?} outside of a run"
            );
        }
        let end = tag.find('>').unwrap();
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if inside.starts_with('?') || inside.ends_with('/') {
            continue;
        }
        match inside.strip_prefix('/') {
            Some(name) => {
                assert_eq!(open.pop(), Some(name));
                if name == "w:p" {
                    found.push(std::mem::take(&mut text));
                }
            }
            None => open.push(inside.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Whether the lines stand in the text, each after the one before it; else the first that does not.
pub(crate) fn missing<'a>(text: &str, lines: &[&'a str]) -> Option<&'a str> {
    let mut rest = text;
    lines.iter().copied().find(|line| match rest.find(line) {
        Some(at) => {
            rest = &rest[at + line.len()..];
            false
        }
        None => true,
    })
}
