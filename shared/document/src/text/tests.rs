use super::{MAX_TEXT, clean, paragraphs};

#[test]
fn text_of_others_becomes_one_harmless_line() {
    let long = "x".repeat(MAX_TEXT + 1);
    let cut = format!("{}…", "x".repeat(MAX_TEXT));
    let table: [(&str, &str); 14] = [
        ("  two\t\r\nlines ", "two lines"),
        ("#import \"x\" *y* ]\\", "#import \"x\" *y* ]\\"),
        ("<w:p>&amp;]]>", "<w:p>&amp;]]>"),
        ("bell\u{7} null\0 escape\u{1b}[1m", "bell null escape[1m"),
        ("\u{85}next\u{9c}line", "nextline"),
        ("zero\u{200b}width\u{feff}", "zerowidth"),
        ("over\u{202e}ride\u{2066}d", "overrided"),
        ("שלום عالم", "שלום عالم"),
        ("👩\u{200d}🚀 می\u{200c}خواهم", "👩\u{200d}🚀 می\u{200c}خواهم"),
        ("no\u{fffe}character\u{ffff}\u{1ffff}", "nocharacter"),
        ("tag\u{e0041}ged", "tagged"),
        ("para\u{2029}graph", "para graph"),
        ("", ""),
        (&long, &cut),
    ];
    for (given, expected) in table {
        assert_eq!(clean(given), expected, "{given:?}");
    }
}

#[test]
fn lines_are_paragraphs() {
    let found: Vec<String> = paragraphs("first\r\n\r\n  \nsecond  line\n\u{0}\n").collect();
    assert_eq!(found, ["first", "second line"]);
}
