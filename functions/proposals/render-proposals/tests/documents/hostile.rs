//! Text that looks like markup, or is hard to set, is only ever text.

use document::{Details, Document, clean};
use proposal::{Answers, PriceBook, RequiredObjects, Terms, quote};
use render_proposals::{pdf, word};

use crate::extract::{docx_text, part, pdf_pages};
use crate::sample::Sample;

fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "#import \"@preview/x:1.0.0\": *",
        "#panic(\"x\") #sys.inputs #read(\"/etc/passwd\")",
        "*bold* _em_ `raw` $x^2$ <label> @ref // comment /* open",
        "] [ } { ) ( \" ' \\ \\u{41} --- ~ ...",
        "= Heading",
        "+ one - two / term: x",
        "<w:p><w:r><w:t>x</w:t></w:r></w:p>",
        "]]> <![CDATA[ <!-- --> &amp; &#x0; &lol; %s {0}",
        "\u{0}\u{7}\u{1b}[31mred\u{202e}desrever\u{2066}",
        "zero\u{200b}\u{200d}\u{feff}width",
        "العميل الأول للشركة ۱۲۳",
        "לקוח ראשון 42 Ltd",
        "👩‍🚀🏳️‍🌈🇺🇳 emoji 漢字かな",
        "e\u{301}\u{302}\u{303}\u{304} Ǆ ﬁ ß ſ",
        "https://example.org/?a=b&c=d#e mailto:a@b.c",
        "$1,000,000.00 – $2",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("W".repeat(500));
    texts.push("ش".repeat(500));
    texts.push("a b ".repeat(125));
    texts.push("\u{fdfd}".repeat(40));
    texts
}

/// The text wherever a client's text stands.
fn with(text: &str) -> Document {
    let mut sample = Sample::new(3);
    sample.client = text.to_owned();
    sample.project = text.to_owned();
    sample.conditions = text.to_owned();
    for kpi in &mut sample.required.kpis {
        kpi.name = text.to_owned();
    }
    for object in &mut sample.required.objects {
        object.description = text.to_owned();
    }
    sample.required.value_chains[0].name = text.to_owned();
    for object in sample.answers.data_integration.as_mut().unwrap().values_mut() {
        object.source_system = Some(text.to_owned());
    }
    for bar in &mut sample.bars {
        bar.title = text.to_owned();
        bar.person = Some(text.to_owned());
    }
    sample = sample.on_terms("EUR", "0.92");
    if let Some(tax) = &mut sample.terms.tax {
        tax.name = text.to_owned();
    }
    if let Some(discount) = &mut sample.terms.discounts.licensing {
        discount.reason = text.to_owned();
    }
    sample.document()
}

fn close(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn hostile_text_is_only_text() {
    for text in hostile() {
        let document = with(&text);
        let pdf = pdf_pages(&pdf::render(&document).unwrap_or_else(|error| panic!("{text:?}: {error}")));
        let docx = word::render(&document).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let expected = clean(&text);
        let paragraphs = docx_text(&docx);
        let times = paragraphs
            .iter()
            .filter(|paragraph| paragraph.contains(&expected))
            .count();
        assert!(times > 40, "{text:?} stands {times} times in the Word file");
        assert!(part(&docx, "docProps/core.xml").contains("</cp:coreProperties>"));
        // What a PDF says of scripts that are joined or turned is the order of its glyphs, so Latin text is compared.
        if expected.is_ascii() {
            let times = close(&pdf.join(" ")).matches(&close(&expected)).count();
            assert!(times > 40, "{text:?} stands {times} times in the PDF");
        }
    }
}

/// PDF/UA allows no boxes instead of letters, so such a document is tagged without claiming the standard.
#[test]
fn letters_without_a_glyph_still_make_a_document() {
    let bytes = pdf::render(&with("漢字 👩‍🚀")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("/StructTreeRoot"), "tagged, though not PDF/UA");
    assert!(!text.contains("pdfuaid:part"));
}

#[test]
fn a_logo_is_drawn() {
    use document::{Logo, Theme};
    let mut sample = Sample::new(1);
    let pictures = |pdf: &[u8]| {
        String::from_utf8_lossy(pdf).matches("/Subtype /Image").count()
            + String::from_utf8_lossy(pdf).matches("/Subtype/Image").count()
    };
    assert_eq!(pictures(&pdf::render(&sample.document()).unwrap()), 0);
    sample.theme = Theme {
        primary: "#ffee00".parse().unwrap(),
        accent: "#ff0000".parse().unwrap(),
        logo: Some(Logo::new(include_bytes!("logo.png")).unwrap()),
    };
    let document = sample.document();
    assert!(pictures(&pdf::render(&document).unwrap()) > 0);
    let docx = word::render(&document).unwrap();
    let document = part(&docx, "word/document.xml");
    assert!(document.contains("descr=\"Northwind Logistics Group\""));
}

/// Nothing to say is no reason to fail.
#[test]
fn an_empty_proposal_makes_documents() {
    let (answers, terms): (Answers, Terms) = (Default::default(), Default::default());
    let required = RequiredObjects::default();
    let quote = quote(PriceBook::newest().unwrap(), &answers, &terms, &required);
    let document = Document::of(&Details {
        reference: "",
        revision: 0,
        client: "",
        project: "",
        date: jiff::civil::Date::MIN,
        valid_until: jiff::civil::Date::MAX,
        prepared_by: "",
        theme: &Default::default(),
        answers: &answers,
        terms: &terms,
        required: &required,
        quote: &quote,
        plan: None,
        conditions: "",
    });
    assert!(pdf_pages(&pdf::render(&document).unwrap()).len() >= 4);
    assert!(docx_text(&word::render(&document).unwrap()).len() > 40);
}
