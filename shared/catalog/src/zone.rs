//! Time zones by their names.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time zone of the IANA database, such as `Europe/Berlin`. What is no name of a place, such as an offset, is none: it has no summer time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

impl Zone {
    /// The name, in the case that the database has.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or_default()
    }

    /// What clocks show there.
    #[must_use]
    pub const fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no IANA time zone")]
pub struct UnknownZone(pub String);

impl UnknownZone {
    /// The zone that may have been meant, as a question, or else how zones are written.
    #[must_use]
    pub fn hint(&self) -> String {
        let names: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let place = |name: &str| name.rsplit('/').next().map(str::to_lowercase);
        let written = self.0.trim().replace(' ', "_").to_lowercase();
        // Who writes the place alone means the zone that is called after it.
        let meant = names.iter().find(|name| place(name).as_deref() == Some(&written));
        let meant = meant
            .map(String::as_str)
            .or_else(|| formula::closest(&self.0, names.iter().map(String::as_str)));
        meant.map_or_else(
            || "write it as Europe/Berlin, or UTC".to_owned(),
            |name| format!("did you mean {name}?"),
        )
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let found = TimeZone::get(name)
            .ok()
            .filter(|zone| !zone.is_unknown() && zone.iana_name().is_some());
        found.map(Self).ok_or_else(|| UnknownZone(name.to_owned()))
    }
}

impl TryFrom<String> for Zone {
    /// A sentence, because who reads JSON is told no hint beside it.
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
            .map_err(|unknown: UnknownZone| format!("{unknown}: {}", unknown.hint()))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn zones_are_named_as_the_database_has_them() {
        for (written, name) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("asia/kathmandu", "Asia/Kathmandu"),
            ("utc", "UTC"),
        ] {
            let zone: Zone = written.parse().unwrap();
            assert_eq!(zone.name(), name);
            assert_eq!(serde_json::to_value(&zone).unwrap(), name);
            assert_eq!(zone, serde_json::from_value(name.into()).unwrap());
        }
    }

    #[test]
    fn what_is_not_known_of_a_place_is_no_zone() {
        assert!("Etc/Unknown".parse::<Zone>().is_err());
    }

    #[test]
    fn what_is_no_zone_is_told_with_what_was_meant() {
        for (written, hint) in [
            ("Europe/Berlni", "did you mean Europe/Berlin?"),
            ("kolkata", "did you mean Asia/Kolkata?"),
            ("New York", "did you mean America/New_York?"),
            ("+05:30", "write it as Europe/Berlin, or UTC"),
            ("Mars/Olympus_Mons", "write it as Europe/Berlin, or UTC"),
            ("", "write it as Europe/Berlin, or UTC"),
        ] {
            let unknown = written.parse::<Zone>().unwrap_err();
            assert_eq!(unknown.hint(), hint, "{unknown}");
        }
    }
}
