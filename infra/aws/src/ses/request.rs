//! A `SendEmail` request as the SDKs write it.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What changes reports or permissions, but not the mail.
const IGNORED: [&str; 6] = [
    "ConfigurationSetName",
    "EmailTags",
    "FeedbackForwardingEmailAddress",
    "FeedbackForwardingEmailAddressIdentityArn",
    "FromEmailAddressIdentityArn",
    "TenantName",
];

/// Why a mail is not sent: the sentence of a `BadRequestException`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid(pub(super) String);

impl Invalid {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEmail {
    pub(super) from_email_address: Option<String>,
    #[serde(default)]
    pub(super) destination: Destination,
    #[serde(default)]
    pub(super) reply_to_addresses: Vec<String>,
    pub(super) content: Content,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Destination {
    pub(super) to_addresses: Vec<String>,
    pub(super) cc_addresses: Vec<String>,
    pub(super) bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Content {
    Simple(Simple),
    Raw(Raw),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Simple {
    pub(super) subject: Text,
    pub(super) body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Body {
    pub(super) text: Option<Text>,
    pub(super) html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Text {
    data: String,
    charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Raw {
    /// A message in base64.
    pub(super) data: String,
}

impl SendEmail {
    /// Refuses what would change the mail and is not known here.
    pub(super) fn check_fields(&self) -> Result<(), Invalid> {
        match self.others.keys().find(|name| !IGNORED.contains(&name.as_str())) {
            Some(unknown) => Err(Invalid::new(format!("the stand-in does not know {unknown}"))),
            None => Ok(()),
        }
    }
}

impl Text {
    /// The text, if its charset can carry it. SES takes US-ASCII for granted, and spoils everything else without a charset.
    pub(super) fn checked(self, name: &str) -> Result<String, Invalid> {
        let charset = self.charset.as_deref().unwrap_or("US-ASCII");
        if charset.eq_ignore_ascii_case("UTF-8") {
            return Ok(self.data);
        }
        if !charset.eq_ignore_ascii_case("US-ASCII") {
            return Err(Invalid::new(format!(
                "{name} has the Charset {charset}, the stand-in knows UTF-8 and US-ASCII"
            )));
        }
        if self.data.is_ascii() {
            Ok(self.data)
        } else {
            Err(Invalid::new(format!(
                "{name} is not US-ASCII: it needs the Charset UTF-8"
            )))
        }
    }
}
