//! What `search` finds: names as they are typed, in upper or lower case.

/// A text that is looked for in the texts of items. No letter of it means anything else than itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    /// Of what was typed.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        Self(typed.to_lowercase())
    }

    /// Whether one of the texts has it in it.
    #[must_use]
    pub fn finds(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| text.to_lowercase().contains(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case_and_means_itself() {
        for (typed, texts, found) in [
            ("rate", &["ON_TIME_RATE", "On-time"][..], true),
            ("ON-TIME", &["ON_TIME_RATE", "On-time"], true),
            ("größe", &["GRÖSSE", "Größe"], true),
            ("ÉTÉ", &["un été"], true),
            ("flights", &["ON_TIME_RATE", "On-time"], false),
            ("on-time rate", &["on-time", "rate"], false),
            ("%", &["share"], false),
            ("%", &["50 %"], true),
            ("_", &["share"], false),
            ("_", &["ON_TIME"], true),
            (".*", &["share"], false),
            ("' OR true --", &["share"], false),
            ("  ", &["a b"], false),
        ] {
            assert_eq!(Search::new(typed).finds(texts), found, "{typed:?} in {texts:?}");
        }
    }
}
