//! Mails that the product has sent.

use anyhow::{Context as _, Result};
use mail_parser::MessageParser;

use super::{Product, ready};
use crate::waiting::eventually;

impl Product {
    /// The texts of the last mails to an address, oldest first.
    ///
    /// # Panics
    /// When one can't be read.
    #[must_use]
    pub fn mails_to(&self, address: &str) -> Vec<String> {
        ready(self.try_mails_to(address), "mails can't be read")
    }

    /// The secret by which a password is set, of the first, second, … mail to an address, once that has come.
    ///
    /// # Panics
    /// When it does not come, or has none.
    pub async fn secret_of(&self, address: &str, number: usize) -> String {
        let come = async || self.mails_to(address).into_iter().nth(number - 1);
        let mail = eventually("a mail with a secret", come).await;
        let mut lines = mail.lines().map(str::trim);
        let secret = lines.find(|line| line.len() == 86 && !line.contains(' '));
        ready(secret.map(str::to_owned).context("the mail has no secret"), address)
    }

    fn try_mails_to(&self, address: &str) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.access.mail)?.map(|entry| entry.map(|entry| entry.path()));
        let mut paths = entries.collect::<std::io::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        paths.sort();
        let mut texts = Vec::new();
        for path in paths {
            // The oldest of a thousand goes when another comes.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let mail = MessageParser::default().parse(&bytes).context("a file is no mail")?;
            if mail.to().is_some_and(|to| to.contains(address)) {
                texts.push(mail.body_text(0).context("a mail has no text")?.into_owned());
            }
        }
        Ok(texts)
    }
}
