//! "Did you mean": the known name nearest to an unknown one.

/// The most names that a hint lists: two lines of a narrow editor.
const MAX_LISTED: usize = 8;

/// The candidate that `name` is most likely a misspelling of, if one is near enough: at most a third of its letters
/// differ, and upper and lower case are the same letter.
#[must_use]
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    let letters = Letters::of(name);
    candidates
        .into_iter()
        .filter(|candidate| letters.least_distance(&Letters::of(candidate)) <= allowed)
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// What is quickly seen of a word. A formula may have a thousand unknown names, each of which is held against all that there are: most are told apart by this.
struct Letters {
    length: usize,
    /// A bit for each letter and digit that is there, in either case; nothing where a word has others, of which not even the length is the same in both cases.
    seen: Option<u64>,
}

impl Letters {
    fn of(word: &str) -> Self {
        let bit = |byte: u8| match byte.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => Some(1 << (letter - b'a')),
            digit @ b'0'..=b'9' => Some(1 << (26 + digit - b'0')),
            b'_' => Some(1 << 36),
            _ => None,
        };
        let mut bits = word.bytes().map(bit);
        Self {
            length: word.len(),
            seen: bits.try_fold(0, |seen, bit: Option<u64>| Some(seen | bit?)),
        }
    }

    /// How many letters differ at least: one edit makes up for one letter of each that the other doesn't have, or for one that is too many.
    fn least_distance(&self, other: &Self) -> usize {
        let (Some(mine), Some(theirs)) = (self.seen, other.seen) else {
            return 0;
        };
        let missing = (mine & !theirs).count_ones().max((theirs & !mine).count_ones());
        self.length.abs_diff(other.length).max(missing as usize)
    }
}

/// The hint for an unknown name: the nearest candidate, or else the list of them.
pub(crate) fn hint_for<'a>(name: &str, what: &str, candidates: &[&'a str]) -> Option<String> {
    if let Some(near) = closest(name, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    if candidates.is_empty() {
        return None;
    }
    let listed: Vec<&'a str> = candidates.iter().copied().take(MAX_LISTED).collect();
    let more = if candidates.len() > MAX_LISTED { ", …" } else { "" };
    Some(format!("{what}: {}{more}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["delay", "distance", "origin", "on_time"];
        for (name, wrong, expected) in [
            ("wrong case", "Delay", Some("delay")),
            ("a letter missing", "orign", Some("origin")),
            ("letters swapped", "dealy", Some("delay")),
            ("nothing near", "weather", None),
            ("a single letter suggests nothing", "x", None),
        ] {
            assert_eq!(closest(wrong, names), expected, "{name}");
        }
    }

    #[test]
    fn what_is_seen_of_a_word_leaves_out_none_that_is_near() {
        let words = [
            "", "a", "A", "ab", "ba", "delay", "DELAY", "dealy", "delays", "on_time", "onTime", "origin2", "Größe",
            "GRÖSSE", "a b", "x1_9",
        ];
        for one in words {
            for other in words {
                let least = Letters::of(one).least_distance(&Letters::of(other));
                let distance = strsim::osa_distance(&one.to_lowercase(), &other.to_lowercase());
                assert!(
                    least <= distance,
                    "{one:?} and {other:?}: {least} is more than {distance}"
                );
            }
        }
        assert_eq!(Letters::of("delay").least_distance(&Letters::of("origin")), 5);
    }

    #[test]
    fn a_hint_lists_a_few_names() {
        assert_eq!(
            hint_for("x", "attributes", &["a1", "b2"]).as_deref(),
            Some("attributes: a1, b2")
        );
        assert_eq!(hint_for("x", "attributes", &[]), None);
        let many = ["aaa"; 9];
        assert_eq!(
            hint_for("x", "known", &many).as_deref(),
            Some("known: aaa, aaa, aaa, aaa, aaa, aaa, aaa, aaa, …")
        );
    }
}
