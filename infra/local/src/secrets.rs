//! Secrets Manager as a file: `{{resolve:secretsmanager:NAME:SecretString:KEY}}` finds its value here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Every secret by name, each an object of texts.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// What precedes the 32 bytes of an Ed25519 public key in a `SubjectPublicKeyInfo` (RFC 8410).
const PUBLIC_KEY_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The secrets of one state folder.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    stage: String,
    values: Values,
}

impl Secrets {
    /// Reads the file, or makes it with new keys for tokens and licences.
    ///
    /// # Errors
    /// When the file cannot be read, understood or written.
    pub fn open(path: &Path, stage: &str) -> anyhow::Result<Self> {
        let values = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not a file of secrets", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Values::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        let mut secrets = Self {
            path: path.to_owned(),
            stage: stage.to_owned(),
            values,
        };
        let tokens = secrets.name("tokens");
        if let Entry::Vacant(place) = secrets.values.entry(tokens) {
            let (signing_key, verifying_key) = key_pair()?;
            let keys = [("signing_key", signing_key), ("verifying_key", verifying_key)];
            place.insert(keys.map(|(key, value)| (key.to_owned(), value)).into());
            secrets.save()?;
        }
        let licences = secrets.name("licences");
        if let Entry::Vacant(place) = secrets.values.entry(licences) {
            let (signing_key, _) = key_pair()?;
            place.insert([("signing_key".to_owned(), signing_key)].into());
            secrets.save()?;
        }
        Ok(secrets)
    }

    /// Remembers where the database is; it may be another one at every start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_database(&mut self, url: &str) -> anyhow::Result<()> {
        let urls = ["app_url", "owner_url"].map(|key| (key.to_owned(), url.to_owned()));
        self.values.insert(self.name("database"), urls.into());
        self.save()
    }

    /// The password of the demo's user, made at the first call.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn demo_password(&mut self) -> anyhow::Result<String> {
        let name = self.name("demo");
        if let Some(password) = self.values.get(&name).and_then(|secret| secret.get("password")) {
            return Ok(password.clone());
        }
        let password = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
        self.values
            .insert(name, [("password".to_owned(), password.clone())].into());
        self.save()?;
        Ok(password)
    }

    /// Every secret by name.
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    fn name(&self, secret: &str) -> String {
        format!("analytics-engine/{}/{secret}", self.stage)
    }

    fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.values)?;
        write_private(&self.path, &text)
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

/// An Ed25519 key pair in PEM: PKCS#8 private, `SubjectPublicKeyInfo` public.
fn key_pair() -> anyhow::Result<(String, String)> {
    let pair = Ed25519KeyPair::generate().context("no key pair could be generated")?;
    // Version 1, without the public key inside: version 2 is not read by every library.
    let private = pair.to_pkcs8v1().context("the generated key cannot be encoded")?;
    let public = [&PUBLIC_KEY_PREFIX, pair.public_key().as_ref()].concat();
    Ok((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", &public)))
}

/// Both keys are shorter than the 64 characters of a PEM line.
fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt as _;

    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn generated_keys_sign_and_verify_tokens() {
        let (signing, verifying) = key_pair().unwrap();
        let claims = json!({"sub": "a", "exp": 4_102_444_800_u64});
        let key = EncodingKey::from_ed_pem(signing.as_bytes()).unwrap();
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap();
        let key = DecodingKey::from_ed_pem(verifying.as_bytes()).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::EdDSA)).unwrap();
        assert_eq!(decoded.claims, claims);
    }

    #[test]
    fn secrets_are_private_and_stay_the_same() {
        let path = std::env::temp_dir().join(format!("secrets-{}.json", uuid::Uuid::new_v4()));
        let mut first = Secrets::open(&path, "dev").unwrap();
        first.set_database("postgres://postgres@127.0.0.1:1/analytics").unwrap();
        let password = first.demo_password().unwrap();
        let mut second = Secrets::open(&path, "dev").unwrap();
        assert_eq!(second.values(), first.values());
        assert_eq!(second.demo_password().unwrap(), password);
        assert_eq!(
            second.values()["analytics-engine/dev/database"]["app_url"],
            "postgres://postgres@127.0.0.1:1/analytics"
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(
            Secrets::open(&path, "dev")
                .unwrap_err()
                .to_string()
                .ends_with("is not a file of secrets")
        );
        std::fs::remove_file(&path).unwrap();
    }
}
