//! What is declared of a file: by its name, and by the user metadata of its object.

use std::collections::HashMap;

use catalog::{CsvDialect, DecimalMark, Delimiter, Zone};
use jiff::tz::TimeZone;
use series::Mapper;

use crate::files::FileError;

/// The names of the metadata, which S3 gives as `x-amz-meta-NAME`.
const TIME_ZONE: &str = "time-zone";
const DELIMITER: &str = "delimiter";
const DECIMAL: &str = "decimal";

/// What a file declares of itself; what it does not is as its entity declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    zone: Option<TimeZone>,
    delimiter: Option<Delimiter>,
    decimal: Option<DecimalMark>,
}

impl Declared {
    /// What the name and the metadata of an object declare. Metadata of other names are not looked at.
    ///
    /// # Errors
    /// [`FileError::Declared`] when a value is none of those that there are.
    pub fn of(name: &str, metadata: &HashMap<String, String>) -> Result<Self, FileError> {
        let value = |wanted: &str| {
            let found = metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim())
        };
        let zone = |name: &str| name.parse::<Zone>().ok().map(|zone| zone.time_zone().clone());
        let delimiter = |name: &str| Delimiter::ALL.into_iter().find(|one| one.name() == name);
        let decimal = |name: &str| DecimalMark::ALL.into_iter().find(|one| one.name() == name);
        let by_name = ends_in_tsv(name).then_some(Delimiter::Tab);
        Ok(Self {
            zone: parsed(
                TIME_ZONE,
                value(TIME_ZONE),
                zone,
                "an IANA time zone such as Europe/Berlin",
            )?,
            delimiter: parsed(DELIMITER, value(DELIMITER), delimiter, "comma, semicolon, tab or pipe")?.or(by_name),
            decimal: parsed(DECIMAL, value(DECIMAL), decimal, "point or comma")?,
        })
    }

    /// The name of the zone that its times without offset are in. Nothing else that a file declares changes what a refused row means that can be replayed: lines of
    /// CSV, which have delimiters and decimal commas, are no events.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        self.zone.as_ref()?.iana_name()
    }

    /// A mapper of the file's rows.
    #[must_use]
    pub fn mapper(&self, mapper: Mapper) -> Mapper {
        match &self.zone {
            Some(zone) => mapper.in_zone(zone.clone()),
            None => mapper,
        }
    }

    /// How the file is written, if it is CSV.
    #[must_use]
    pub fn dialect(&self, mapper: &Mapper) -> CsvDialect {
        let entity = mapper.entity().definition().csv;
        CsvDialect {
            delimiter: self.delimiter.unwrap_or(entity.delimiter),
            decimal: self.decimal.unwrap_or(entity.decimal),
        }
    }
}

fn ends_in_tsv(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    crate::packing::without_ending(&name).ends_with(".tsv")
}

fn parsed<T>(
    name: &'static str,
    value: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &'static str,
) -> Result<Option<T>, FileError> {
    let Some(value) = value else { return Ok(None) };
    let refused = || FileError::Declared {
        name,
        value: value.chars().take(60).collect(),
        allowed,
    };
    parse(value).ok_or_else(refused).map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn declared(name: &str, metadata: &[(&str, &str)]) -> Result<Declared, String> {
        let metadata = metadata
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Declared::of(name, &metadata.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn metadata_say_what_bytes_do_not() {
        let all = [
            ("Time-Zone", "Asia/Tokyo"),
            ("delimiter", " tab "),
            ("decimal", "comma"),
            ("mtime", "1763596800"),
        ];
        let expected = Declared {
            zone: TimeZone::get("Asia/Tokyo").ok(),
            delimiter: Some(Delimiter::Tab),
            decimal: Some(DecimalMark::Comma),
        };
        assert_eq!(declared("a.csv", &all).unwrap(), expected);
        assert_eq!(expected.time_zone(), Some("Asia/Tokyo"));
        assert_eq!(declared("a.csv", &[]).unwrap(), Declared::default());
        for (name, delimiter) in [
            ("a.tsv", Some(Delimiter::Tab)),
            ("a.TSV.gz", Some(Delimiter::Tab)),
            ("a.tsv.csv", None),
        ] {
            assert_eq!(declared(name, &[]).unwrap().delimiter, delimiter, "{name}");
        }
        let refused = [
            ("time-zone", "Mars/Olympus"),
            ("time-zone", "+01:00"),
            ("delimiter", ";"),
            ("decimal", ""),
        ];
        for (name, value) in refused {
            let told = declared("a.csv", &[(name, value)]).unwrap_err();
            assert!(told.contains(name) && told.contains(value), "{told}");
        }
    }
}
