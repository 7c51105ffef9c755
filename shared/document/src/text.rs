//! Text of others, made fit to be placed.

/// The most characters of one name, cell or paragraph; what is longer ends with an ellipsis.
pub const MAX_TEXT: usize = 4_000;

/// Text as it may stand in a document: one line, trimmed, at most [`MAX_TEXT`] characters.
///
/// - White space of any kind and length becomes one space.
/// - Control characters are dropped: XML 1.0 cannot hold them. So are code points that are no characters.
/// - Characters that change the order of what stands beside them (embeddings, overrides, isolates) are dropped: a name
///   must not turn the amount next to it around. Right-to-left letters stay, with their own direction.
/// - Characters that are never seen (zero-width spaces, byte order marks, soft hyphens, tags) are dropped, but the
///   joiners, which emoji and Persian are written with.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    let mut space = false;
    for (length, c) in text
        .chars()
        .filter(|c| c.is_whitespace() || !is_dropped(*c))
        .enumerate()
    {
        if length >= MAX_TEXT {
            out.push('…');
            break;
        }
        if c.is_whitespace() {
            space = true;
            continue;
        }
        if space && !out.is_empty() {
            out.push(' ');
        }
        space = false;
        out.push(c);
    }
    out
}

/// The paragraphs of a longer text: what stands between line breaks, cleaned.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(clean).filter(|line| !line.is_empty())
}

fn is_dropped(c: char) -> bool {
    let code = u32::from(c);
    c.is_control()
        || code & 0xFFFE == 0xFFFE // the last two code points of every plane
        || matches!(
            code,
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x180E | 0x200B | 0x200E | 0x200F | 0x2028..=0x202E
                | 0x2060..=0x206F | 0x3164 | 0xFDD0..=0xFDEF | 0xFEFF | 0xFFA0 | 0xFFF9..=0xFFFB
                | 0xE000..=0xF8FF | 0xE0000..=0xE0FFF | 0xF0000..=0x10_FFFF
        )
}

#[cfg(test)]
mod tests;
