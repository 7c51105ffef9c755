//! How long data are kept in effect: the answers, lengthened to what regulations ask for.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answers::{Active, Archive, Regulation, Retention};

/// Days of a year of retention.
const YEAR_DAYS: u32 = 365;

/// Years that SOX asks for.
const SOX_YEARS: u32 = 7;

/// Years that HIPAA asks for.
const HIPAA_YEARS: u32 = 6;

/// Years that an archive for ever is priced with: the longest other choice, which no licence's term outlasts.
const INDEFINITE_YEARS: u32 = 10;

/// Days that one kind of data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// In the active database. `None` while a custom number is not answered.
    pub(crate) active_days: Option<u32>,
    /// In the archive, after that.
    pub(crate) archive_days: u32,
}

/// An answer that was lengthened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Adjustment {
    /// The JSON pointer into the answers about retention.
    pub pointer: Cow<'static, str>,
    /// What was answered; `delete` when nothing is archived.
    pub from: String,
    /// What the quote is computed with instead.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// Retention in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(crate) source: Kept,
    pub(crate) analytics: Kept,
    pub(crate) adjustments: Vec<Adjustment>,
    /// Whether GDPR meets an archive for ever.
    pub(crate) gdpr_for_ever: bool,
}

/// Choices of an archive of source data, shortest first; analytics data have no choice of one year.
const SOURCE_ARCHIVES: [Archive; 5] = [
    Archive::Years1,
    Archive::Years3,
    Archive::Years5,
    Archive::Years7,
    Archive::Years10,
];

impl Retention {
    /// The retention that is counted with.
    pub(crate) fn effective(&self) -> Effective {
        let minimum = self.minimum();
        let mut adjustments = Vec::new();
        let chosen = |archived: bool, answer: Option<Archive>| answer.filter(|_| archived);
        let source_archive = chosen(self.source_archive, self.source_archive_for);
        let analytics_archive = chosen(self.analytics_archive, self.analytics_archive_for);
        let source_days = days(self.source_active, self.source_active_days);
        let analytics_days = days(self.analytics_active, self.analytics_active_days);
        let [_, analytics_archives @ ..] = &SOURCE_ARCHIVES;
        let mut lengthened = |pointer, active, archive, choices: &[Archive]| {
            let longer = minimum
                .as_ref()
                .and_then(|minimum| longer(minimum, active, archive, choices));
            adjustments.extend(longer.as_ref().map(|(to, reason)| Adjustment {
                pointer: Cow::Borrowed(pointer),
                from: archive.map_or("delete", Archive::name).to_owned(),
                to: to.name().to_owned(),
                reason: reason.clone(),
            }));
            longer.map(|(to, _)| to).or(archive)
        };
        let source = lengthened("/source_archive_for", source_days, source_archive, &SOURCE_ARCHIVES);
        let analytics = lengthened(
            "/analytics_archive_for",
            analytics_days,
            analytics_archive,
            analytics_archives,
        );
        let kept = |active_days, archive: Option<Archive>| Kept {
            active_days,
            archive_days: archive.map_or(0, Archive::days),
        };
        Effective {
            source: kept(source_days, source),
            analytics: kept(analytics_days, analytics),
            adjustments,
            gdpr_for_ever: self.compliance.contains(&Regulation::Gdpr)
                && [source, analytics].contains(&Some(Archive::Indefinitely)),
        }
    }

    /// The longest that a regulation asks for, in years, with its name.
    fn minimum(&self) -> Option<(u32, String)> {
        let years = |regulation: &Regulation| match regulation {
            Regulation::Sox => Some((SOX_YEARS, "SOX".to_owned())),
            Regulation::Hipaa => Some((HIPAA_YEARS, "HIPAA".to_owned())),
            Regulation::Industry => {
                let name = self.industry_regulation.clone().unwrap_or_default();
                self.industry_minimum_years.map(|years| (years, name))
            }
            // They say how data are to be handled, not for how long at least.
            Regulation::Gdpr | Regulation::Iso27001 => None,
        };
        self.compliance.iter().filter_map(years).max_by_key(|(years, _)| *years)
    }
}

/// The shortest archive that a minimum asks for, when the chosen one is too short.
fn longer(
    minimum: &(u32, String),
    active_days: Option<u32>,
    archive: Option<Archive>,
    choices: &[Archive],
) -> Option<(Archive, String)> {
    let (years, name) = minimum;
    let active_days = active_days.unwrap_or(0);
    let least_days = years * YEAR_DAYS;
    let enough = |archive: Archive| active_days.saturating_add(archive.days()) >= least_days;
    if active_days >= least_days || archive.is_some_and(enough) {
        return None;
    }
    let shortest = choices.iter().copied().find(|choice| enough(*choice))?;
    Some((shortest, format!("{name} requires at least {years} years")))
}

fn days(active: Active, custom: Option<u32>) -> Option<u32> {
    match active {
        Active::Days30 => Some(30),
        Active::Days90 => Some(90),
        Active::Days180 => Some(180),
        Active::Days365 => Some(365),
        Active::Days730 => Some(730),
        Active::Custom => custom,
    }
}

impl Archive {
    fn days(self) -> u32 {
        let years = match self {
            Self::Years1 => 1,
            Self::Years3 => 3,
            Self::Years5 => 5,
            Self::Years7 => 7,
            Self::Years10 => 10,
            Self::Indefinitely => INDEFINITE_YEARS,
        };
        years * YEAR_DAYS
    }

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Years1 => "years1",
            Self::Years3 => "years3",
            Self::Years5 => "years5",
            Self::Years7 => "years7",
            Self::Years10 => "years10",
            Self::Indefinitely => "indefinitely",
        }
    }
}

#[cfg(test)]
mod tests;
