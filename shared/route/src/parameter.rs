//! What a route takes beside a body.

use crate::list::{MAX_FILTER_TEXT, MAX_LIMIT};

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether the route can't do without it.
    pub required: bool,
    /// What may stand there.
    pub form: Form,
    /// Meaning.
    pub description: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query string.
    Query,
    /// Among the headers.
    Header,
}

/// What may stand for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A text of one character or more, and of so many at most, without U+0000.
    Within(usize),
    /// A text that matches a regular expression.
    Like(&'static str),
    /// A UUID.
    Uuid,
    /// An instant, by RFC 3339.
    Time,
    /// A whole number from one to another, both included.
    Whole(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text for each of some keys, of which the query string has each as a parameter of its own: `name[key]=text`.
    ByKey,
}

/// What a sender may call a request.
const KEY: Form = Form::Like("^[!-~]{1,256}$");

impl Parameter {
    /// Names the version that is replaced, so that nobody overwrites a change unseen.
    pub const IF_MATCH: Self = Self::header(
        "If-Match",
        "The `ETag` of the version that is replaced; `*` for whichever is there.",
    )
    .of(Form::Like(r#"^(\*|(W/)?"[0-9]{1,9}(\.[0-9a-z]{1,64})?")$"#))
    .required();

    /// Lets a request be sent again.
    pub const IDEMPOTENCY_KEY: Self = Self::header(
        "Idempotency-Key",
        "A repeated request with the same key has its effect once.",
    )
    .of(KEY);

    /// How many items a page of a list may have.
    pub const LIMIT: Self = Self::query(
        "limit",
        "Most items of the page, 200 unless it is given. A page may have fewer, or none, though others follow: `next` says whether.",
    )
    .of(Form::Whole(1, MAX_LIMIT));

    /// Where a page of a list begins.
    pub const CURSOR: Self = Self::query(
        "cursor",
        "`next` of the page before, with the same filters; without it the list begins.",
    )
    .of(Form::Like("^[A-Za-z0-9_-]{1,4096}$"));

    /// From when on items are listed.
    pub const FROM: Self = Self::query("from", "Only what came at this instant or later.").of(Form::Time);

    /// Until when items are listed.
    pub const TO: Self = Self::query("to", "Only what came before this instant.").of(Form::Time);

    /// A filter of a list that takes a text.
    #[must_use]
    pub const fn filter(name: &'static str, description: &'static str) -> Self {
        Self::query(name, description).of(Form::Within(MAX_FILTER_TEXT))
    }

    /// A part of the path.
    #[must_use]
    pub const fn path(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Path, description).required()
    }

    /// A parameter of the query string, which may be left out.
    #[must_use]
    pub const fn query(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Query, description)
    }

    /// A header, which may be left out.
    #[must_use]
    pub const fn header(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Header, description)
    }

    /// The same, and it may not be left out.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same of this form.
    #[must_use]
    pub const fn of(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Whether a pair of the query string that is called so is this parameter's.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let key = || name.strip_prefix(self.name)?.strip_prefix('[')?.strip_suffix(']');
        match (self.place, self.form) {
            (Place::Query, Form::ByKey) => key().is_some(),
            (Place::Query, _) => name == self.name,
            _ => false,
        }
    }

    const fn new(name: &'static str, place: Place, description: &'static str) -> Self {
        Self {
            name,
            place,
            required: false,
            form: Form::Text,
            description,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_of_the_parameter_that_it_names() {
        let (by_key, plain) = (
            Parameter::query("filter", "").of(Form::ByKey),
            Parameter::query("by", ""),
        );
        for (parameter, name, expected) in [
            (by_key, "filter[origin]", true),
            (by_key, "filter[]", true),
            (by_key, "filter", false),
            (by_key, "filter[origin", false),
            (by_key, "filtered[origin]", false),
            (plain, "by", true),
            (plain, "by[x]", false),
            (Parameter::path("by", ""), "by", false),
        ] {
            assert_eq!(parameter.takes(name), expected, "{name}");
        }
    }
}
