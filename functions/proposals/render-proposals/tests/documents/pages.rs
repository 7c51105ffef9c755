//! Pages: long tables break and repeat their header, every page is numbered, pictures show the same pages.

use render_proposals::{pdf, preview};

use crate::extract::pdf_pages;
use crate::sample::Sample;

const KPIS: usize = 500;

#[test]
fn a_table_of_five_hundred_kpis_breaks_and_repeats_its_header() {
    let sample = Sample::new(KPIS);
    let document = sample.document();
    let pages = pdf_pages(&pdf::render(&document).unwrap());
    let with_kpis: Vec<&String> = pages
        .iter()
        .filter(|page| page.contains("-1") && page.contains("(view "))
        .collect();
    assert!(with_kpis.len() > 1, "{} pages", pages.len());
    for page in pages
        .iter()
        .filter(|page| page.contains("(view ") && !page.contains("Time and materials"))
    {
        assert!(page.contains("Code KPI Complexity Cost"), "{page}");
    }
    for kpi in &sample.required.kpis {
        assert!(pages.iter().any(|page| page.contains(&kpi.code)), "{}", kpi.code);
    }
    assert!((18..40).contains(&pages.len()), "{} pages", pages.len());
}

#[test]
fn every_page_but_the_cover_is_numbered() {
    let pages = pdf_pages(&pdf::render(&Sample::new(40).document()).unwrap());
    let count = pages.len();
    assert!((9..=15).contains(&count), "{count} pages");
    for (index, page) in pages.iter().enumerate().skip(1) {
        assert!(page.contains(&format!("{} / {count}", index + 1)), "{page}");
        assert!(page.contains("Supply chain control tower"), "{page}");
    }
    assert!(!pages[0].contains(&format!("1 / {count}")), "{}", pages[0]);
    let contents = &pages[1];
    for chapter in [
        "Executive summary",
        "5 Total cost summary",
        "6 Resource schedule",
        "8 Next steps",
    ] {
        assert!(contents.contains(chapter), "{contents}");
    }
}

/// Without this a reader for the blind hears the numbers of a table without its headings.
#[test]
fn the_pdf_is_tagged() {
    let bytes = pdf::render(&Sample::new(5).document()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for mark in ["/StructTreeRoot", "/MarkInfo", "/Lang", "pdfuaid:part"] {
        assert!(text.contains(mark), "{mark}");
    }
}

#[test]
fn pictures_show_the_pages_of_the_pdf() {
    let document = Sample::new(5).document();
    let pictures = preview::pages(&document, 0.5).unwrap();
    assert_eq!(pictures.len(), pdf_pages(&pdf::render(&document).unwrap()).len());
    for picture in pictures {
        assert!(picture.png.starts_with(b"\x89PNG\r\n"));
        assert_eq!((picture.width, picture.height), (298, 421));
    }
}
