//! What Word needs to know beyond the text.

use document::{Block, Document};
use render_proposals::word;

use crate::extract::part;
use crate::sample::Sample;

fn tables(document: &Document) -> usize {
    let blocks = document.chapters.iter().flat_map(|chapter| &chapter.blocks);
    blocks
        .filter(|block| matches!(block, Block::Table(_) | Block::Gantt(_)))
        .count()
}

#[test]
fn headings_headers_and_pictures_are_marked() {
    let document = Sample::new(5).document();
    let docx = word::render(&document).unwrap();
    let xml = part(&docx, "word/document.xml");
    let count = |text: &str| xml.matches(text).count();
    assert_eq!(count("<w:pStyle w:val=\"Heading1\" />"), document.chapters.len());
    assert_eq!(
        count("<w:tblHeader />"),
        tables(&document),
        "each table repeats its header"
    );
    assert_eq!(count("descr=\"Stacked bars. "), 1);
    assert_eq!(count("TOC \\o"), 1);
    for heading in 1..=count("w:bookmarkStart") {
        assert_eq!(count(&format!("w:name=\"_Toc{heading:06}\"")), 1);
    }
    let numbering = part(&docx, "word/numbering.xml");
    assert!(numbering.contains("w:val=\"decimal\"") && numbering.contains("w:val=\"bullet\""));
}

#[test]
fn title_author_and_language_are_told() {
    let docx = word::render(&Sample::new(1).document()).unwrap();
    let core = part(&docx, "docProps/core.xml");
    assert!(core.contains("<dc:title>Analytics Engine Service Proposal – Supply chain control tower</dc:title>"));
    assert!(core.contains("<dc:creator>Meridian Analytics Consulting</dc:creator>"));
    assert!(part(&docx, "word/styles.xml").contains("<w:lang w:val=\"en-US\" />"));
    let footer = ["word/footer1.xml", "word/footer2.xml"]
        .map(|name| part(&docx, name))
        .concat();
    assert!(footer.contains("PAGE") && footer.contains("NUMPAGES"), "{footer}");
}
