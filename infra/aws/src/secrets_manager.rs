//! Secrets Manager as a private file: named secrets, each an object of texts, for the references of a template.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Every secret by name, each an object of texts.
pub type Secrets = BTreeMap<String, BTreeMap<String, String>>;

/// The secrets of one file, which only its owner may read.
#[derive(Debug)]
pub struct SecretFile {
    path: PathBuf,
    secrets: Secrets,
}

impl SecretFile {
    /// Reads the file; without one there are no secrets yet.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let secrets = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not a file of secrets", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Secrets::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        Ok(Self {
            path: path.to_owned(),
            secrets,
        })
    }

    /// Every secret by name.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The text `key` of the secret `name`, as `{{resolve:secretsmanager:NAME:SecretString:KEY}}` finds it.
    #[must_use]
    pub fn get(&self, name: &str, key: &str) -> Option<&str> {
        self.secrets.get(name)?.get(key).map(String::as_str)
    }

    /// Makes or replaces a secret.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set<const N: usize>(&mut self, name: &str, values: [(&str, &str); N]) -> anyhow::Result<()> {
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.secrets.insert(name.to_owned(), values.into());
        write_private(&self.path, &serde_json::to_string_pretty(&self.secrets)?)
    }
}

/// Replaces a file that only its owner may read; a reader sees the old text or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        // An old one may have other permissions, which opening it would keep.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn secrets_are_private_and_stay_the_same() {
        let folder = TempFolder::create();
        let path = folder.path().join("secrets.json");
        let mut first = SecretFile::open(&path).unwrap();
        assert_eq!(first.get("shop/store", "url"), None);
        first.set("shop/store", [("url", "old"), ("user", "u")]).unwrap();
        first.set("shop/store", [("url", "new")]).unwrap();
        let second = SecretFile::open(&path).unwrap();
        assert_eq!(second.secrets(), first.secrets());
        assert_eq!(second.get("shop/store", "url"), Some("new"));
        assert_eq!(
            second.get("shop/store", "user"),
            None,
            "a secret is replaced as a whole"
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        let error = SecretFile::open(&path).unwrap_err().to_string();
        assert!(error.ends_with("is not a file of secrets"), "{error}");
    }
}
