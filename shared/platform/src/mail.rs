//! Mail, through Amazon SES. Locally the endpoint is the local cloud's (`AWS_ENDPOINT_URL_SESV2`), which writes a file.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use identity::Email;
use service::{Failure, Service};

/// Longest that one mail may take, with the SDK's own retries.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// Most characters of a subject: a line that every reader shows whole (RFC 5322 allows 998).
const MAX_SUBJECT: usize = 200;

/// A mail to one person.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// To whom.
    pub to: &'a Email,
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub text: &'a str,
}

/// Sends mail from one address.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: aws_sdk_sesv2::Client,
    from: String,
}

impl Mailer {
    /// Sends from this address, which SES must know as an identity.
    #[must_use]
    pub fn new(config: &SdkConfig, from: String) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(SEND_TIMEOUT).build();
        let config = aws_sdk_sesv2::config::Builder::from(config)
            .timeout_config(timeouts)
            .build();
        Self {
            client: aws_sdk_sesv2::Client::from_conf(config),
            from,
        }
    }

    /// Sends one mail; when this returns, SES has it.
    ///
    /// # Errors
    /// When the subject is no line, or SES does not take the mail after the SDK's own retries.
    pub async fn send(&self, mail: Mail<'_>) -> Result<()> {
        let length = mail.subject.chars().count();
        ensure!(
            (1..=MAX_SUBJECT).contains(&length) && !mail.subject.chars().any(char::is_control),
            "the subject of a mail is no line of 1 to {MAX_SUBJECT} characters"
        );
        let text = |data: &str| Content::builder().data(data).charset("UTF-8").build();
        let message = Message::builder()
            .subject(text(mail.subject)?)
            .body(Body::builder().text(text(mail.text)?).build())
            .build();
        self.client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(mail.to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await
            .map_err(Failure::from_call(Service::Mail))
            .context("send mail")?;
        Ok(())
    }
}
