//! A token that is not accepted, as functions see it.

use std::collections::BTreeMap;

use crate::TokenError;

/// The key of the authorizer's context that says why there is no caller.
const KEY: &str = "refused";

/// Why a request has no caller. The authorizer lets such a request through with this in place of a caller, and every function refuses it: an HTTP API's own refusal
/// has no type and no hint, and can't be given any. Of a token that is not ours it says no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It was good until its time was over.
    Expired,
    /// Anything else.
    NotAccepted,
}

impl Refused {
    const ALL: [Self; 2] = [Self::Expired, Self::NotAccepted];

    const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotAccepted => "not-accepted",
        }
    }

    /// The authorizer's context, as [`Refused::from_context`] reads it.
    #[must_use]
    pub fn context(self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([(KEY, self.name().to_owned())])
    }

    /// Reads the authorizer's context, given a way to look up one of its keys; `None` where no token was refused. A reason that is not known here is a refusal all the
    /// same.
    pub fn from_context<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let name = text(KEY)?;
        let known = Self::ALL.into_iter().find(|refused| refused.name() == name);
        Some(known.unwrap_or(Self::NotAccepted))
    }
}

impl From<&TokenError> for Refused {
    fn from(error: &TokenError) -> Self {
        match error {
            TokenError::Expired => Self::Expired,
            _ => Self::NotAccepted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_written() {
        for refused in Refused::ALL {
            let context = refused.context();
            assert_eq!(
                Refused::from_context(|key| context.get(key).map(String::as_str)),
                Some(refused)
            );
        }
        let unknown = Refused::from_context(|key| (key == KEY).then_some("of another version"));
        assert_eq!(
            (unknown, Refused::from_context(|_| None)),
            (Some(Refused::NotAccepted), None)
        );
    }
}
