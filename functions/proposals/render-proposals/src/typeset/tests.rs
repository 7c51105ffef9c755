use super::{FONTS, TYPESETTER, UNBROKEN, breakable};

#[test]
fn long_words_get_places_to_break() {
    let long = "x".repeat(UNBROKEN + 1);
    let marks = format!("{}e\u{301}", "x".repeat(UNBROKEN - 1));
    let table = [
        ("short words", None),
        ("", None),
        (&long[..UNBROKEN], None),
        (&long, Some(format!("{}\u{200b}x", "x".repeat(UNBROKEN)))),
        // A mark is not cut off its letter.
        (&marks, Some(marks.clone())),
    ];
    for (given, expected) in table {
        assert_eq!(breakable(given), expected, "{given:?}");
    }
}

#[test]
fn what_is_issued_has_letters_of_these_fonts() {
    assert_eq!(TYPESETTER.fonts.len(), FONTS.len());
    let (cuts, others) = TYPESETTER.fonts.split_at(3);
    let has = |font: &typst::text::Font, letter| font.info().coverage.contains(u32::from(letter));
    // Private letters and what is never seen are dropped before; the joiners and selectors are drawn as nothing.
    let letters = ('!'..='\u{DFFFF}').filter(|letter| document::clean(&letter.to_string()).starts_with(*letter));
    let wrong: Vec<char> = letters
        .filter(|letter| !matches!(letter, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'))
        .filter(|letter| {
            let is_there = cuts.iter().all(|font| has(font, *letter)) || others.iter().any(|font| has(font, *letter));
            is_there != document::is_printed(*letter)
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "shared/document/src/letters/ranges.rs is not what the fonts have: {wrong:?}"
    );
}
