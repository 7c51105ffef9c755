//! PDF and Word state the numbers of the model, in its order.

use document::{Document, Locale, Pictures, amounts};
use render_proposals::{IssuedRevision, PAGE_SCALE, pdf, preview, word};

use crate::extract::{docx_text, missing, pdf_text};
use crate::sample::Sample;

fn samples() -> Vec<Document> {
    let mut whole = Sample::new(7);
    // Without storage, every amount is whole: no cents are shown.
    whole.answers.retention = None;
    let mut open = Sample::new(3);
    open.answers.licensing = None;
    open.bars.clear();
    open.conditions.clear();
    let in_currency = |currency, rate| Sample::new(12).on_terms(currency, rate).document();
    vec![
        Sample::new(40).document(),
        whole.document(),
        open.document(),
        in_currency("EUR", "0.923451"),
        in_currency("JPY", "151.25"),
        in_currency("CHF", "0.8"),
    ]
}

#[test]
fn both_documents_state_the_same_amounts_in_the_same_order() {
    for document in samples() {
        let breakable = |text: String| text.replace('\u{a0}', " ");
        let model = breakable(document.lines(Pictures::Drawn).join("\n"));
        let without_charts = breakable(document.lines(Pictures::Described).join("\n"));
        assert!(amounts(&model).len() > 30);
        assert_eq!(amounts(&pdf_text(&pdf::render(&document).unwrap())), amounts(&model));
        let docx = breakable(docx_text(&word::render(&document).unwrap()).join("\n"));
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

/// What is stored is enough for all files, and they are those of its document.
#[test]
fn the_files_of_a_stored_revision_are_those_of_its_document() {
    let sample = Sample::new(5).on_terms("EUR", "0.92");
    let document = sample.document();
    let files = sample.stored(|issued| issued.render()).unwrap();
    assert!(files.pdf == pdf::render(&document).unwrap());
    assert!(files.docx == word::render(&document).unwrap());
    assert_eq!(files.pages, preview::pages(&document, PAGE_SCALE).unwrap());
    let text = pdf_text(&files.pdf);
    let locale = Locale::of(&sample.quote());
    for said in [
        "0193a1c2-6f3e-7c41-9d0a-5b1f0f6f2a77",
        "Revision 2, 21 November 2026",
        "21 December 2026",
        "1 USD = 0.92 EUR",
        &locale.money_range(sample.quote().totals.term.unwrap()),
    ] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = Sample::new(1).stored(|issued| {
        let quote = serde_json::json!({ "price_book": "2025-11-11" });
        let broken = IssuedRevision {
            quote: &quote,
            ..*issued
        };
        broken.render().unwrap_err().to_string()
    });
    let expected = "the quote of revision 2 of proposal 0193a1c2-6f3e-7c41-9d0a-5b1f0f6f2a77 can't be read: missing field `currency`";
    assert_eq!(error, expected);
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let document = Sample::new(5).document();
    assert!(pdf::render(&document).unwrap() == pdf::render(&document).unwrap());
    assert!(word::render(&document).unwrap() == word::render(&document).unwrap());
}
