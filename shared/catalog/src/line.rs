//! Lines of text that people write: names, reasons, labels.

use crate::Problem;

/// A line of text without the blanks around it.
///
/// # Errors
/// When it is empty, longer than `max_length` characters, or has a character that nobody sees. The problem's pointer is empty:
/// [`Problem::below`] says where the line stands.
pub fn checked_line(text: &str, max_length: usize) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    let refused = |message: String| Problem::new("", message).with_hint(line_hint(max_length));
    if length == 0 || length > max_length {
        return Err(refused(format!("the text has {length} characters")));
    }
    if let Some(character) = text.chars().find(|character| is_hidden(*character)) {
        let code = u32::from(character);
        return Err(refused(format!("the text has an invisible character, U+{code:04X}")));
    }
    Ok(text.to_owned())
}

/// What a line of text may be, as a hint.
#[must_use]
pub fn line_hint(max_length: usize) -> String {
    format!("a line of 1 to {max_length} characters")
}

/// Whether a character shows nothing, or makes a text read differently from how it is stored. Those that join letters and emoji, and
/// the marks of direction without reach, are ordinary writing.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    matches!(character, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_has_only_what_is_seen() {
        assert_eq!(
            checked_line("  Orders \u{1f468}\u{200d}\u{1f469} ", 10),
            Ok("Orders \u{1f468}\u{200d}\u{1f469}".to_owned())
        );
        for (text, message) in [
            ("  ", "the text has 0 characters"),
            ("12345678901", "the text has 11 characters"),
            ("a\u{202e}b", "the text has an invisible character, U+202E"),
            ("a\nb", "the text has an invisible character, U+000A"),
        ] {
            let problem = checked_line(text, 10).map_err(|problem| (problem.message, problem.hint));
            assert_eq!(
                problem,
                Err((message.to_owned(), Some("a line of 1 to 10 characters".to_owned())))
            );
        }
    }
}
