//! The caller as functions see it: what the authorizer read from the token and API Gateway passes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Claims, Role};

/// An authenticated user of one client organisation.
///
/// Its serialized form is the authorizer's context: three strings, because API Gateway passes on nothing deeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The organisation whose data the caller may reach.
    pub client: Uuid,
    /// The person or machine.
    pub user: Uuid,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// Reads the authorizer's context, given a way to look up one of its keys; `None` when a key is missing or malformed.
    pub fn from_context<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            client: text("client")?.parse().ok()?,
            user: text("user")?.parse().ok()?,
            role: text("role")?.parse().ok()?,
        })
    }

    /// The authorizer's context, as [`Caller::from_context`] reads it.
    #[must_use]
    pub fn context(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("client", self.client.to_string()),
            ("user", self.user.to_string()),
            ("role", self.role.to_string()),
        ])
    }
}

impl From<&Claims> for Caller {
    fn from(claims: &Claims) -> Self {
        Self {
            client: claims.client,
            user: claims.sub,
            role: claims.role,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    const CALLER: Caller = Caller {
        client: Uuid::from_u128(1),
        user: Uuid::from_u128(2),
        role: Role::Analyst,
    };

    #[test]
    fn context_reads_back() {
        let context = CALLER.context();
        assert_eq!(
            Caller::from_context(|key| context.get(key).map(String::as_str)),
            Some(CALLER)
        );
        assert_eq!(
            serde_json::to_value(CALLER).unwrap(),
            serde_json::to_value(&context).unwrap()
        );
    }

    #[test]
    fn a_missing_or_malformed_key_is_nobody() {
        for (key, value) in [
            ("client", None),
            ("user", Some("me")),
            ("role", Some("root")),
            ("client", Some("")),
        ] {
            let mut context = CALLER.context();
            match value {
                Some(value) => context.insert(key, value.to_owned()),
                None => context.remove(key),
            };
            assert_eq!(
                Caller::from_context(|key| context.get(key).map(String::as_str)),
                None,
                "{key} {value:?}"
            );
        }
    }
}
