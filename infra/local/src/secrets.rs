//! The product's secrets on a developer's machine: keys for tokens and licences, where the database is, the demo's password.

use std::path::Path;

use anyhow::Context as _;
use aws_stand_in::secrets_manager::SecretFile;
use identity::generate_key_pair;

use crate::postgres::cells::Cell;

/// The secrets of one state folder, by the names that `template.yaml` gives them.
#[derive(Debug)]
pub struct Secrets {
    file: SecretFile,
    stage: String,
}

impl Secrets {
    /// Reads the file, or makes it with new keys for tokens and licences.
    ///
    /// # Errors
    /// When the file cannot be read, understood or written.
    pub fn open(path: &Path, stage: &str) -> anyhow::Result<Self> {
        let file = SecretFile::open(path)?;
        let stage = stage.to_owned();
        let mut secrets = Self { file, stage };
        let tokens = secrets.name("tokens");
        if !secrets.file.secrets().contains_key(&tokens) {
            let keys = generate_key_pair().context("no key pair could be generated")?;
            let keys = [
                ("signing_key", keys.signing_pem.as_str()),
                ("verifying_key", keys.verifying_pem.as_str()),
            ];
            secrets.file.set(&tokens, keys)?;
        }
        let licences = secrets.name("licences");
        if !secrets.file.secrets().contains_key(&licences) {
            let keys = generate_key_pair().context("no key pair could be generated")?;
            secrets
                .file
                .set(&licences, [("signing_key", keys.signing_pem.as_str())])?;
        }
        Ok(secrets)
    }

    /// Remembers where the database is, and its cells; it may be another one at every start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_database(&mut self, url: &str, cells: &[Cell]) -> anyhow::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{}={}", cell.name, cell.url)).collect();
        let cells = cells.join(" ");
        let fields = [
            ("app_url", url),
            ("licences_url", url),
            ("users_url", url),
            ("owner_url", url),
            ("app_cells", &cells),
            ("users_cells", &cells),
            ("owner_cells", &cells),
        ];
        self.file.set(&self.name("database"), fields)
    }

    /// The password of the demo's user, made at the first call.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn demo_password(&mut self) -> anyhow::Result<String> {
        let name = self.name("demo");
        if let Some(password) = self.file.get(&name, "password") {
            return Ok(password.to_owned());
        }
        let password = uuid::Uuid::new_v4().simple().to_string();
        self.file.set(&name, [("password", password.as_str())])?;
        Ok(password)
    }

    /// The text `key` of the secret with this full name.
    #[must_use]
    pub fn get(&self, name: &str, key: &str) -> Option<&str> {
        self.file.get(name, key)
    }

    fn name(&self, secret: &str) -> String {
        format!("analytics-engine/{}/{secret}", self.stage)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt as _;

    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
    use serde_json::{Value, json};

    use super::*;

    fn open(path: &Path) -> anyhow::Result<Secrets> {
        Secrets::open(path, "dev")
    }

    #[test]
    fn generated_keys_sign_and_verify_tokens() {
        let path = std::env::temp_dir().join(format!("local-cloud-secrets-{}.json", uuid::Uuid::new_v4()));
        let secrets = open(&path).unwrap();
        let key = |key| secrets.get("analytics-engine/dev/tokens", key).unwrap().as_bytes();
        let claims = json!({"sub": "a", "exp": 4_102_444_800_u64});
        let signing = EncodingKey::from_ed_pem(key("signing_key")).unwrap();
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &signing).unwrap();
        let verifying = DecodingKey::from_ed_pem(key("verifying_key")).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &verifying, &Validation::new(Algorithm::EdDSA)).unwrap();
        assert_eq!(decoded.claims, claims);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn secrets_are_private_and_stay_the_same() {
        let path = std::env::temp_dir().join(format!("local-cloud-secrets-{}.json", uuid::Uuid::new_v4()));
        let mut first = open(&path).unwrap();
        first
            .set_database("postgres://postgres@127.0.0.1:1/analytics", &[])
            .unwrap();
        let password = first.demo_password().unwrap();
        let mut second = open(&path).unwrap();
        assert_eq!(second.file.secrets(), first.file.secrets());
        assert_eq!(second.demo_password().unwrap(), password);
        assert_eq!(
            second.get("analytics-engine/dev/database", "app_url"),
            Some("postgres://postgres@127.0.0.1:1/analytics")
        );
        assert!(second.get("analytics-engine/dev/licences", "signing_key").is_some());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(
            open(&path)
                .unwrap_err()
                .to_string()
                .ends_with("is not a file of secrets")
        );
        std::fs::remove_file(&path).unwrap();
    }
}
