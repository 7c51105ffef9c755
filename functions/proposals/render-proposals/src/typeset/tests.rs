use super::{UNBROKEN, breakable};

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
