//! "Did you mean": the known name nearest to an unknown one.

/// The most names that a hint lists: two lines of a narrow editor.
const MAX_LISTED: usize = 8;

/// The candidate that `name` is most likely a misspelling of, if one is near enough: at most a third of its letters
/// differ, and upper and lower case are the same letter.
#[must_use]
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
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
