//! PDF and Word state the numbers of the model, in its order.

use proposal::document::{Document, Pictures, amounts};
use render_proposals::{pdf, word};

use crate::extract::{docx_text, missing, pdf_text};
use crate::sample::Sample;

fn samples() -> Vec<Document> {
    let mut whole = Sample::new(7);
    // Without storage, every amount is whole: no cents are shown.
    whole.answers.retention = None;
    let mut open = Sample::new(3);
    open.answers.licensing = None;
    open.gantt.clear();
    open.terms.clear();
    vec![Sample::new(40).document(), whole.document(), open.document()]
}

#[test]
fn both_documents_state_the_same_amounts_in_the_same_order() {
    for document in samples() {
        let model = document.lines(Pictures::Drawn).join("\n");
        let without_charts = document.lines(Pictures::Described).join("\n");
        assert!(amounts(&model).len() > 30);
        assert_eq!(amounts(&pdf_text(&pdf::render(&document).unwrap())), amounts(&model));
        let docx = docx_text(&word::render(&document).unwrap()).join("\n");
        assert_eq!(amounts(&docx), amounts(&without_charts));
    }
}

/// Names and sentences too, in the order of the model.
#[test]
fn both_documents_say_every_line_of_the_model() {
    for document in samples() {
        let lines = document.lines(Pictures::Described);
        let docx = docx_text(&word::render(&document).unwrap()).join("\n");
        assert_eq!(missing(&docx, &lines), None);
        // Lines of a PDF are broken where the page ends, so spaces are compared as none.
        let close = |text: &str| text.split_whitespace().collect::<String>();
        let pdf = close(&pdf_text(&pdf::render(&document).unwrap()));
        for line in lines {
            let all: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let found = pdf.contains(&all.concat());
            assert!(found, "{line:?} is not in the PDF");
        }
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let document = Sample::new(5).document();
    assert!(pdf::render(&document).unwrap() == pdf::render(&document).unwrap());
    assert!(word::render(&document).unwrap() == word::render(&document).unwrap());
}
