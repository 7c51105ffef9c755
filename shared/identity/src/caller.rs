//! The caller as functions see it: what the authorizer read from the token and API Gateway passes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Claims, Feature, Features, Permission, Role};

/// An authenticated user of one client organisation.
///
/// Its serialized form is the authorizer's context: four strings, because API Gateway passes on nothing deeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The organisation whose data the caller may reach.
    pub client: Uuid,
    /// The person or machine.
    pub user: Uuid,
    /// What it may do.
    pub role: Role,
    /// What its organisation is licensed for, as of the sign-in or refresh that made its token.
    pub features: Features,
}

/// Why a caller may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Its role may not.
    Role(Role),
    /// Its organisation has no licence with the feature.
    Unlicensed(Feature),
}

impl Caller {
    /// Whether the caller may do what the permission names: the role is asked first, then the licence.
    ///
    /// # Errors
    /// With the first that does not allow it.
    pub fn check(&self, permission: Permission) -> Result<(), Denied> {
        if !self.role.may(permission) {
            return Err(Denied::Role(self.role));
        }
        match permission.feature() {
            Some(feature) if !self.features.contains(feature) => Err(Denied::Unlicensed(feature)),
            _ => Ok(()),
        }
    }

    /// Reads the authorizer's context, given a way to look up one of its keys; `None` when a key is missing or malformed.
    pub fn from_context<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            client: text("client")?.parse().ok()?,
            user: text("user")?.parse().ok()?,
            role: text("role")?.parse().ok()?,
            features: text("features").map_or(Features::NONE, |text| {
                let Ok(features) = text.parse();
                features
            }),
        })
    }

    /// The authorizer's context, as [`Caller::from_context`] reads it.
    #[must_use]
    pub fn context(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("client", self.client.to_string()),
            ("user", self.user.to_string()),
            ("role", self.role.to_string()),
            ("features", self.features.to_string()),
        ])
    }
}

impl From<&Claims> for Caller {
    fn from(claims: &Claims) -> Self {
        Self {
            client: claims.client,
            user: claims.sub,
            role: claims.role,
            features: claims.features,
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
        features: Features::ALL,
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
    fn a_context_without_features_has_none() {
        let mut context = CALLER.context();
        context.remove("features");
        let caller = Caller::from_context(|key| context.get(key).map(String::as_str)).unwrap();
        assert_eq!(caller.features, Features::NONE);
    }

    #[test]
    fn the_role_is_asked_before_the_licence() {
        let unlicensed = Caller {
            features: Features::NONE,
            ..CALLER
        };
        let live_only = Caller {
            features: [Feature::Live].into_iter().collect(),
            ..CALLER
        };
        for (caller, permission, expected) in [
            (CALLER, Permission::ReadProposals, Ok(())),
            (unlicensed, Permission::ReadCatalog, Ok(())),
            (
                unlicensed,
                Permission::ReadProposals,
                Err(Denied::Unlicensed(Feature::Proposals)),
            ),
            (
                unlicensed,
                Permission::DecideProposals,
                Err(Denied::Role(Role::Analyst)),
            ),
            (live_only, Permission::WatchSeries, Ok(())),
            (
                live_only,
                Permission::ReadSeries,
                Err(Denied::Unlicensed(Feature::Series)),
            ),
            (CALLER, Permission::IssueLicences, Err(Denied::Role(Role::Analyst))),
        ] {
            assert_eq!(caller.check(permission), expected, "{caller:?} {permission}");
        }
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
