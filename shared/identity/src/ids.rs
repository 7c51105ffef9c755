//! Identities of clients, users and everything else, in the one spelling in which they are written: 32 digits in five groups, letters small.
//!
//! What reads identities elsewhere takes capitals, braces, a prefix, or no hyphens as well. Then one thing has many names: a folder of files, a line of a log or a key
//! of a cache that is of nobody. So whatever comes from outside has this spelling or is refused, with the right one; it is never put right in silence.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// Another spelling of an identity, or none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text spells it otherwise than it is written.
    #[error("{given:?} is another spelling of {id}: identities have small letters, and hyphens between their groups")]
    OtherSpelling {
        /// The text.
        given: String,
        /// The identity.
        id: Uuid,
    },
    /// The text is no identity.
    #[error("{0:?} is no identity, such as 018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5201")]
    Malformed(String),
}

/// Reads an identity.
///
/// # Errors
/// When the text is none, or spells one otherwise.
pub fn read(text: &str) -> Result<Uuid, InvalidId> {
    let id: Uuid = text.parse().map_err(|_| InvalidId::Malformed(text.to_owned()))?;
    if id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text {
        return Ok(id);
    }
    Err(InvalidId::OtherSpelling {
        given: text.to_owned(),
        id,
    })
}

/// For `#[serde(deserialize_with = "identity::ids::of_json")]`.
///
/// # Errors
/// As [`read`].
pub fn of_json<'de, D: Deserializer<'de>>(text: D) -> Result<Uuid, D::Error> {
    let text = Cow::<str>::deserialize(text)?;
    read(&text).map_err(D::Error::custom)
}

/// The same for what may be absent or `null`; with `#[serde(default)]`.
///
/// # Errors
/// As [`read`].
pub fn of_json_if_any<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(text)?;
    text.map(|text| read(&text).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Body {
        #[serde(deserialize_with = "of_json")]
        client: Uuid,
        #[serde(default, deserialize_with = "of_json_if_any")]
        batch: Option<Uuid>,
    }

    #[test]
    fn an_identity_has_one_spelling() {
        let id: Uuid = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a52ab".parse().unwrap();
        assert_eq!(read(&id.to_string()), Ok(id));
        for given in [
            id.to_string().to_uppercase(),
            id.simple().to_string(),
            id.braced().to_string(),
            id.urn().to_string(),
        ] {
            let refused = read(&given).unwrap_err();
            assert!(refused.to_string().contains(&id.to_string()), "{refused}");
            let read = serde_json::from_value::<Body>(json!({ "client": given })).unwrap_err();
            assert!(read.to_string().contains(&id.to_string()), "{read}");
            assert!(serde_json::from_value::<Body>(json!({ "client": id, "batch": given })).is_err());
        }
        for none in ["", "1", " 018f4e2a-7c1b-7d3e-9a52-3f6f1c2a52ab"] {
            assert_eq!(read(none), Err(InvalidId::Malformed(none.to_owned())));
        }
        for (batch, expected) in [(json!(id), Some(id)), (Value::Null, None)] {
            let body = serde_json::from_value::<Body>(json!({ "client": id, "batch": batch }));
            assert_eq!(
                body.unwrap(),
                Body {
                    client: id,
                    batch: expected
                }
            );
        }
    }
}
