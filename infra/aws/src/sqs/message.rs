//! A message with its attributes, and the digests that SQS answers with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

/// The largest message and the largest batch: 1 MiB, body and attributes together.
pub const MESSAGE_BYTES: usize = 1_048_576;

/// The longest `MessageGroupId`.
const GROUP_BYTES: usize = 128;

/// What an event's record has besides the body and attributes: two ids of 36 bytes, a digest of 32, an ARN, three times of
/// 13, a group of 128 and the keys make about 850 bytes.
const RECORD_BYTES: usize = 1_024;

/// A message attribute as the protocol carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, with an optional custom label behind a dot.
    pub data_type: String,
    /// The value of a string or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a binary, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl Attribute {
    /// A text.
    #[must_use]
    pub fn text(value: &str) -> Self {
        Self {
            data_type: "String".to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }
}

/// Why SQS does not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// There is no text.
    #[error("the message body is empty")]
    Empty,
    /// Body and attributes together have too many bytes.
    #[error("the message has {bytes} bytes, a message may have {most}")]
    TooLong {
        /// What it has.
        bytes: usize,
        /// What the queue takes.
        most: usize,
    },
    /// A character that is none of XML 1.0.
    #[error("the message has the character {}, which SQS does not take", .0.escape_unicode())]
    Character(char),
    /// A group that is empty, too long, or has other characters than letters, digits and punctuation of ASCII.
    #[error("the message group {0:?} is not 1 to {GROUP_BYTES} letters, digits and punctuation marks of ASCII")]
    Group(String),
}

/// A message, by value wherever it goes; the body is shared.
#[derive(Debug, Clone)]
pub struct Message {
    /// Stays the same through receives and in the dead letters.
    pub id: Uuid,
    /// The text that was sent.
    pub body: Arc<str>,
    /// User attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Whose message it is, `MessageGroupId`: the queue is fair between groups.
    pub group: Option<Arc<str>>,
    /// When it was sent, in milliseconds of the Unix epoch.
    pub sent_ms: i64,
    /// How old it was when this process came to know it.
    pub age: Duration,
    /// When that was, on the clock that timeouts are measured by.
    pub known_at: Instant,
    /// How often it was received from the queue it is in.
    pub receives: u32,
    /// When it was received first, in milliseconds of the Unix epoch.
    pub first_received_ms: Option<i64>,
}

impl Message {
    /// A message sent now.
    #[must_use]
    pub fn new(body: String, attributes: BTreeMap<String, Attribute>) -> Self {
        Self {
            attributes,
            ..Self::sent(crate::clock::now().as_millisecond(), body.into())
        }
    }

    /// A message sent at this time, in milliseconds of the Unix epoch.
    pub(super) fn sent(sent_ms: i64, body: Arc<str>) -> Self {
        let age_ms = crate::clock::now().as_millisecond().saturating_sub(sent_ms);
        Self {
            id: Uuid::new_v4(),
            body,
            attributes: BTreeMap::new(),
            group: None,
            sent_ms,
            age: Duration::from_millis(u64::try_from(age_ms).unwrap_or_default()),
            known_at: Instant::now(),
            receives: 0,
            first_received_ms: None,
        }
    }

    /// When it is too old for a queue that keeps messages for `retention`.
    pub(super) fn expires(&self, retention: Duration) -> Instant {
        self.known_at + retention.saturating_sub(self.age)
    }

    /// The same message of a group.
    #[must_use]
    pub fn in_group(self, group: Option<String>) -> Self {
        Self {
            group: group.map(Arc::from),
            ..self
        }
    }

    /// Bytes that count against [`MESSAGE_BYTES`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len() + attribute_bytes(&self.attributes)
    }

    /// The message, if a queue takes it that holds messages of up to `most` bytes.
    ///
    /// # Errors
    /// [`MessageError`] says what is wrong with it.
    pub fn checked(self, most: usize) -> Result<Self, MessageError> {
        let bytes = self.bytes();
        if self.body.is_empty() {
            return Err(MessageError::Empty);
        }
        if bytes > most {
            return Err(MessageError::TooLong { bytes, most });
        }
        if let Some(group) = self.group.as_deref().filter(|group| !is_group(group)) {
            return Err(MessageError::Group(group.to_owned()));
        }
        match self.body.chars().find(|character| !is_text(*character)) {
            Some(character) => Err(MessageError::Character(character)),
            None => Ok(self),
        }
    }

    /// About as many bytes as the message takes in an event for a function; never fewer.
    #[must_use]
    pub fn event_bytes(&self) -> usize {
        // A quote, a backslash and the short escapes take two bytes, other control characters six.
        let escaped: usize = self
            .body
            .bytes()
            .map(|byte| match byte {
                b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
                0..0x20 => 6,
                _ => 1,
            })
            .sum();
        escaped + 6 * attribute_bytes(&self.attributes) + RECORD_BYTES
    }

    /// The MD5 of the body in hexadecimal.
    #[must_use]
    pub fn body_digest(&self) -> String {
        hex(&Md5::digest(self.body.as_bytes()))
    }

    /// The MD5 of the attributes in SQS's own encoding; `None` without attributes.
    #[must_use]
    pub fn attributes_digest(&self) -> Option<String> {
        (!self.attributes.is_empty()).then(|| attributes_digest(&self.attributes))
    }
}

/// The characters of XML 1.0, which are all that SQS takes.
fn is_text(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn is_group(text: &str) -> bool {
    (1..=GROUP_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn attribute_bytes(attributes: &BTreeMap<String, Attribute>) -> usize {
    attributes
        .iter()
        .map(|(name, attribute)| {
            let value = attribute.string_value.as_ref().or(attribute.binary_value.as_ref());
            name.len() + attribute.data_type.len() + value.map_or(0, String::len)
        })
        .sum()
}

/// By name: length and name, length and type, one byte for the kind of value (1 text, 2 binary), length and value.
fn attributes_digest(attributes: &BTreeMap<String, Attribute>) -> String {
    let mut digest = Md5::new();
    let mut part = |bytes: &[u8], kind: Option<u8>| {
        digest.update(kind.as_slice());
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        part(name.as_bytes(), None);
        part(attribute.data_type.as_bytes(), None);
        match (&attribute.string_value, &attribute.binary_value) {
            (Some(text), _) => part(text.as_bytes(), Some(1)),
            (None, Some(binary)) => part(&STANDARD.decode(binary).unwrap_or_default(), Some(2)),
            (None, None) => {}
        }
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn digests_are_those_of_sqs() {
        let mut message = Message::new("This is a test message".to_owned(), BTreeMap::new());
        assert_eq!(message.body_digest(), "fafb00f5732ab283681e124bf8747ed1");
        assert_eq!(message.attributes_digest(), None);
        message.attributes.insert("name".to_owned(), Attribute::text("a"));
        let encoded = [b"\0\0\0\x04name".as_slice(), b"\0\0\0\x06String", b"\x01\0\0\0\x01a"].concat();
        assert_eq!(message.attributes_digest(), Some(hex(&Md5::digest(encoded))));
    }

    #[test]
    fn a_group_is_of_letters_digits_and_punctuation() {
        let longest = "g".repeat(GROUP_BYTES);
        for (group, is_taken) in [
            ("018f4e2a-7c1b", true),
            ("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true),
            (longest.as_str(), true),
            ("", false),
            ("a b", false),
            ("ä", false),
            (&format!("{longest}g"), false),
        ] {
            let message = Message::new("a".to_owned(), BTreeMap::new()).in_group(Some(group.to_owned()));
            assert_eq!(message.checked(MESSAGE_BYTES).is_ok(), is_taken, "{group:?}");
        }
    }

    #[test]
    fn the_size_in_an_event_is_never_underestimated() {
        for body in ["plain", "{\"a\":\"b\\\\\"}", "line\nline\u{1}", "umlaut ü"] {
            let message = Message::new(body.to_owned(), BTreeMap::new());
            assert!(
                message.event_bytes() >= serde_json::to_string(body).unwrap().len(),
                "{body}"
            );
        }
    }
}
