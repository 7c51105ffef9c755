//! What a licence allows, and which permission needs what: one table, read by every function.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Permission;

/// A part of the product that is licensed.
///
/// | feature | what it opens |
/// | --- | --- |
/// | `ingest` | events and files, replaying what was rejected, and taking facts out again |
/// | `live` | the WebSocket, and the streams behind it |
/// | `modelling` | creating and replacing entities and KPIs |
/// | `proposals` | the questionnaire and service proposals |
/// | `series` | fetched values and series |
///
/// Reading the catalogue, dead letters, licences, and what became of batches needs no feature. A client whose licence is over
/// still sees what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Bringing data in.
    Ingest,
    /// Values pushed.
    Live,
    /// Defining entities and KPIs.
    Modelling,
    /// Service proposals.
    Proposals,
    /// Values fetched.
    Series,
}

impl Feature {
    /// Every feature, by name.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Live, Self::Modelling, Self::Proposals, Self::Series];

    /// Its name in licences, tokens and requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Live => "live",
            Self::Modelling => "modelling",
            Self::Proposals => "proposals",
            Self::Series => "series",
        }
    }

    /// Its bit in a [`Features`].
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Permission {
    /// The feature that a client must have for it; `None` where every client may, licensed or not.
    #[must_use]
    pub const fn feature(self) -> Option<Feature> {
        match self {
            Self::ReadCatalog
            | Self::ReadDeadLetters
            | Self::ReadLicences
            | Self::IssueLicences
            | Self::ReadUsage
            | Self::ReadQueues
            | Self::ReadHealth
            | Self::ManageSelf
            | Self::ManageUsers => None,
            Self::WriteCatalog => Some(Feature::Modelling),
            Self::WriteEvents | Self::ReplayDeadLetters | Self::DeleteFacts => Some(Feature::Ingest),
            Self::ReadSeries => Some(Feature::Series),
            Self::WatchSeries | Self::ReadStreams | Self::ControlStreams => Some(Feature::Live),
            Self::ReadProposals | Self::WriteProposals | Self::DecideProposals => Some(Feature::Proposals),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of features. As text, in tokens and in the authorizer's context, it is their names with spaces between: that is short, and
/// API Gateway passes on nothing deeper than a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features(u8);

impl Features {
    /// What a client without a licence has.
    pub const NONE: Self = Self(0);

    /// Every feature.
    pub const ALL: Self = Self((1 << Feature::ALL.len()) - 1);

    /// Whether the feature is among them.
    #[must_use]
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The features that both have.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The features, by name.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.contains(*feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<T: IntoIterator<Item = Feature>>(features: T) -> Self {
        Self(features.into_iter().fold(0, |bits, feature| bits | feature.bit()))
    }
}

impl fmt::Display for Features {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Feature::name).collect();
        formatter.write_str(&names.join(" "))
    }
}

impl FromStr for Features {
    type Err = std::convert::Infallible;

    /// A name that is not known here, such as one that a newer function wrote into a token, opens nothing here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |name| Feature::ALL.into_iter().find(|feature| feature.name() == name);
        Ok(text.split_whitespace().filter_map(named).collect())
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let Ok(features) = text.parse();
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn each_permission_needs_exactly_what_the_table_says() {
        use Feature::*;
        use Permission::*;
        let table = [
            (ReadCatalog, None),
            (WriteCatalog, Some(Modelling)),
            (WriteEvents, Some(Ingest)),
            (ReadSeries, Some(Series)),
            (WatchSeries, Some(Live)),
            (ReadDeadLetters, None),
            (ReplayDeadLetters, Some(Ingest)),
            (DeleteFacts, Some(Ingest)),
            (ReadStreams, Some(Live)),
            (ControlStreams, Some(Live)),
            (ReadProposals, Some(Proposals)),
            (WriteProposals, Some(Proposals)),
            (DecideProposals, Some(Proposals)),
            (ReadLicences, None),
            (IssueLicences, None),
            (ReadUsage, None),
            (ReadQueues, None),
            (ReadHealth, None),
            (ManageSelf, None),
            (ManageUsers, None),
        ];
        assert_eq!(table.map(|(permission, _)| permission), Permission::ALL);
        for (permission, feature) in table {
            assert_eq!(permission.feature(), feature, "{permission}");
        }
    }

    #[test]
    fn every_set_reads_back_from_its_text() {
        for bits in 0..=Features::ALL.0 {
            let features = Features(bits);
            assert_eq!(features.to_string().parse(), Ok(features));
            let json = serde_json::to_string(&features).unwrap();
            assert_eq!(serde_json::from_str::<Features>(&json).unwrap(), features);
            assert_eq!(features.iter().collect::<Features>(), features);
        }
        assert_eq!(Features::ALL.to_string(), "ingest live modelling proposals series");
        assert_eq!(Features::ALL.iter().count(), Feature::ALL.len());
        assert_eq!(Features::NONE.to_string(), "");
    }

    #[test]
    fn a_name_that_is_not_known_opens_nothing() {
        for text in ["", "LIVE", "lives", "all", "live,series", "*"] {
            assert_eq!(text.parse(), Ok(Features::NONE), "{text:?}");
        }
        assert_eq!(
            "telepathy live".parse(),
            Ok(Features::from_iter([Feature::Live])),
            "and does not spoil the others"
        );
    }
}
