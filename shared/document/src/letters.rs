//! Letters that the documents can't show. What no font has would be drawn as a box, so an offer that holds such a letter is not issued.

mod ranges;

use ranges::PRINTED;

use crate::text::clean;

/// Whether a letter is drawn as itself, or not at all as the joiners and selectors of variants are.
#[must_use]
pub fn is_printed(letter: char) -> bool {
    let code = u32::from(letter);
    let after = PRINTED.partition_point(|(first, _)| *first <= code);
    let is_in_font = after.checked_sub(1).is_some_and(|run| code <= PRINTED[run].1);
    is_in_font || matches!(code, 0x200C | 0x200D | 0xFE00..=0xFE0F)
}

/// Letters of a text, of however many lines, that the documents can't show: each once, in their order.
#[must_use]
pub fn unprinted(text: &str) -> Vec<char> {
    let mut found = Vec::new();
    for letter in text.lines().flat_map(|line| clean(line).chars().collect::<Vec<_>>()) {
        if !is_printed(letter) && !found.contains(&letter) {
            found.push(letter);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_no_font_has_are_named_once() {
        for (text, expected) in [
            ("Šárka Ødegård, Łódź & Co. — 100 % of €", ""),
            ("Ελληνική Αεροπορία, Российские авиалинии", ""),
            ("الخطوط الجوية", ""),
            ("אל על נתיבי אויר", ""),
            ("two\nlines\tand a tab", ""),
            ("株式会社 全日空 株", "株式会社全日空"),
            ("日本\nアジア", "日本アジ"),
            ("การบินไทย", "การบินไทย"),
            ("대한항공", "대한항공"),
            ("Fly ↑\u{FE0F} 🙂", "🙂"),
        ] {
            let found = unprinted(text);
            let expected: Vec<char> = expected.chars().fold(Vec::new(), |mut once, letter| {
                if !once.contains(&letter) {
                    once.push(letter);
                }
                once
            });
            assert_eq!(found, expected, "{text}");
        }
        assert!(PRINTED.is_sorted() && PRINTED.iter().all(|(first, last)| first <= last));
    }
}
