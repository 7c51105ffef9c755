//! Roles and what they may do: one table, read by every function.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a user is within a client organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything within its organisation except license it.
    Admin,
    /// Defines KPIs and brings in data.
    Analyst,
    /// Looks at KPIs.
    Viewer,
    /// Works for the provider of the engine: issues licences to every client, and sees none of their facts, definitions or
    /// proposals. Only `provision-client`, which nobody reaches through the API, makes one.
    Operator,
}

/// One thing that an endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read entities and KPIs.
    ReadCatalog,
    /// Create and replace entities and KPIs.
    WriteCatalog,
    /// Send events and files.
    WriteEvents,
    /// Read values as they are fetched.
    ReadSeries,
    /// Watch values as they are pushed.
    WatchSeries,
    /// List what was rejected, with the originals.
    ReadDeadLetters,
    /// Send rejected events through ingestion again.
    ReplayDeadLetters,
    /// Undo batches and files, and delete facts.
    DeleteFacts,
    /// See which topics are watched.
    ReadStreams,
    /// Pin or pause a topic.
    ControlStreams,
    /// Read the questionnaire, proposals and what they cost.
    ReadProposals,
    /// Begin proposals, answer their questions and set their terms.
    WriteProposals,
    /// Issue, accept and decline proposals: what binds the organisation.
    DecideProposals,
    /// Read licences and verify their keys: those of one's own client, and with [`Permission::IssueLicences`] every client's.
    ReadLicences,
    /// Issue and revoke licences of every client, and withdraw signing keys.
    IssueLicences,
    /// See what one's own client uses, and may use.
    ReadUsage,
    /// See what waits in the queues of all clients.
    ReadQueues,
    /// See what works and what does not, piece by piece.
    ReadHealth,
    /// Change one's own password, and end one's own sessions.
    ManageSelf,
    /// Add and remove users of one's own client, change their roles, reset their passwords, end their sessions.
    ManageUsers,
}

impl Role {
    /// Every role, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Analyst, Self::Viewer, Self::Operator];

    /// The roles that a client's own people can have.
    pub const OF_CLIENTS: [Self; 3] = [Self::Admin, Self::Analyst, Self::Viewer];

    /// The role's name in tokens, requests and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// Whether the role may do what the permission names.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        use Permission::{
            ControlStreams, DecideProposals, DeleteFacts, IssueLicences, ManageSelf, ManageUsers, ReadCatalog,
            ReadDeadLetters, ReadHealth, ReadLicences, ReadProposals, ReadQueues, ReadSeries, ReadStreams, ReadUsage,
            ReplayDeadLetters, WatchSeries, WriteCatalog, WriteEvents, WriteProposals,
        };
        match permission {
            ReadCatalog | ReadSeries | WatchSeries | ReadStreams | ReadUsage => !matches!(self, Self::Operator),
            // What a proposal costs is between those who negotiate it: it is not for everyone who looks at KPIs.
            WriteCatalog | WriteEvents | ReadDeadLetters | ReplayDeadLetters | ReadProposals | WriteProposals => {
                matches!(self, Self::Admin | Self::Analyst)
            }
            ControlStreams | DecideProposals | ManageUsers => matches!(self, Self::Admin),
            // Who brings data in takes back what was wrong with it.
            DeleteFacts => matches!(self, Self::Admin | Self::Analyst),
            ReadLicences => matches!(self, Self::Admin | Self::Operator),
            // Not the client's own administrator: nobody grants a licence to itself.
            IssueLicences | ReadQueues | ReadHealth => matches!(self, Self::Operator),
            ManageSelf => true,
        }
    }

    /// Whether who has this role may give it to others, or take it from them: only a role that may nothing that it may not itself.
    #[must_use]
    pub fn may_grant(self, other: Self) -> bool {
        let exceeds = |permission: &Permission| other.may(*permission) && !self.may(*permission);
        self.may(Permission::ManageUsers) && !Permission::ALL.iter().any(exceeds)
    }
}

impl Permission {
    /// Every permission, for tables and tests.
    pub const ALL: [Self; 20] = [
        Self::ReadCatalog,
        Self::WriteCatalog,
        Self::WriteEvents,
        Self::ReadSeries,
        Self::WatchSeries,
        Self::ReadDeadLetters,
        Self::ReplayDeadLetters,
        Self::DeleteFacts,
        Self::ReadStreams,
        Self::ControlStreams,
        Self::ReadProposals,
        Self::WriteProposals,
        Self::DecideProposals,
        Self::ReadLicences,
        Self::IssueLicences,
        Self::ReadUsage,
        Self::ReadQueues,
        Self::ReadHealth,
        Self::ManageSelf,
        Self::ManageUsers,
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The end of a sentence such as "the role viewer may not ...".
impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ReadCatalog => "read entities and KPIs",
            Self::WriteCatalog => "change entities and KPIs",
            Self::WriteEvents => "send events",
            Self::ReadSeries => "read KPI values",
            Self::WatchSeries => "watch KPI values",
            Self::ReadDeadLetters => "read batches and dead letters",
            Self::ReplayDeadLetters => "replay dead letters",
            Self::DeleteFacts => "undo batches or delete facts",
            Self::ReadStreams => "list streams",
            Self::ControlStreams => "pin or pause streams",
            Self::ReadProposals => "read proposals",
            Self::WriteProposals => "write proposals",
            Self::DecideProposals => "issue, accept or decline proposals",
            Self::ReadLicences => "read licences",
            Self::IssueLicences => "issue or revoke licences",
            Self::ReadUsage => "read what is used",
            Self::ReadQueues => "see what waits in queues",
            Self::ReadHealth => "see what works and what does not",
            Self::ManageSelf => "change their own password and end their own sessions",
            Self::ManageUsers => "manage users",
        })
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}: the roles are admin, analyst, viewer and operator")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn each_role_may_exactly_what_the_table_says() {
        use Permission::*;
        let table = [
            (ReadCatalog, [true, true, true, false]),
            (WriteCatalog, [true, true, false, false]),
            (WriteEvents, [true, true, false, false]),
            (ReadSeries, [true, true, true, false]),
            (WatchSeries, [true, true, true, false]),
            (ReadDeadLetters, [true, true, false, false]),
            (ReplayDeadLetters, [true, true, false, false]),
            (DeleteFacts, [true, true, false, false]),
            (ReadStreams, [true, true, true, false]),
            (ControlStreams, [true, false, false, false]),
            (ReadProposals, [true, true, false, false]),
            (WriteProposals, [true, true, false, false]),
            (DecideProposals, [true, false, false, false]),
            (ReadLicences, [true, false, false, true]),
            (IssueLicences, [false, false, false, true]),
            (ReadUsage, [true, true, true, false]),
            (ReadQueues, [false, false, false, true]),
            (ReadHealth, [false, false, false, true]),
            (ManageSelf, [true, true, true, true]),
            (ManageUsers, [true, false, false, false]),
        ];
        assert_eq!(table.map(|(permission, _)| permission), Permission::ALL);
        for (permission, expected) in table {
            assert_eq!(Role::ALL.map(|role| role.may(permission)), expected, "{permission}");
        }
    }

    #[test]
    fn nobody_grants_more_than_they_have() {
        for role in Role::ALL {
            let granted = Role::ALL.map(|other| role.may_grant(other));
            let expected = if role == Role::Admin {
                [true, true, true, false]
            } else {
                [false; 4]
            };
            assert_eq!(granted, expected, "{role}");
        }
    }

    #[test]
    fn names_read_back_and_match_json() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), serde_json::json!(role.name()));
        }
        for wrong in ["", "Admin", "root", "admin "] {
            assert!(wrong.parse::<Role>().is_err(), "{wrong:?}");
        }
    }
}
