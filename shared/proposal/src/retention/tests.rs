use super::*;
use crate::answers::Granularity;

fn retention(archive: Option<Archive>, regulations: &[Regulation], years: Option<u32>) -> Retention {
    Retention {
        source_active: Active::Days90,
        source_active_days: None,
        source_archive: archive.is_some(),
        source_archive_for: archive,
        analytics_active: Active::Days365,
        analytics_active_days: None,
        analytics_archive: archive.is_some(),
        analytics_archive_for: archive,
        granularity: [Granularity::Day].into(),
        compliance: regulations.iter().copied().collect(),
        industry_regulation: years.map(|_| "Solvency".to_owned()),
        industry_minimum_years: years,
    }
}

#[test]
fn regulations_lengthen_and_never_shorten() {
    use Archive::{Indefinitely, Years3, Years5, Years7, Years10};
    use Regulation::{Gdpr, Hipaa, Industry, Iso27001, Sox};
    // (chosen, regulations, industry's years, source and analytics archive in years)
    for (chosen, regulations, years, expected) in [
        (None, &[][..], None, [0, 0]),
        (Some(Years3), &[], None, [3, 3]),
        (None, &[Sox], None, [7, 7]),
        (Some(Years5), &[Sox], None, [7, 7]),
        // Five years of archive and one active are the six that are asked for; five and 90 days are not.
        (Some(Years5), &[Hipaa], None, [7, 5]),
        (Some(Years10), &[Sox], None, [10, 10]),
        (Some(Indefinitely), &[Sox, Gdpr], None, [10, 10]),
        (None, &[Gdpr, Iso27001], None, [0, 0]),
        (None, &[Industry], Some(1), [1, 0]),
        (Some(Years7), &[Industry, Sox], Some(10), [10, 10]),
        (None, &[Industry], Some(3), [3, 3]),
    ] {
        let effective = retention(chosen, regulations, years).effective();
        let archives = [effective.source, effective.analytics].map(|kept| kept.archive_days);
        assert_eq!(
            archives,
            expected.map(|years| years * 365),
            "{chosen:?} {regulations:?}"
        );
        let chosen_days = chosen.map_or(0, Archive::days);
        let changed = archives.iter().filter(|days| **days != chosen_days).count();
        assert_eq!(effective.adjustments.len(), changed, "{chosen:?} {regulations:?}");
    }
}

#[test]
fn an_adjustment_says_what_and_why() {
    let [source, ..] = &retention(None, &[Regulation::Hipaa], None).effective().adjustments[..] else {
        panic!("nothing was adjusted");
    };
    assert_eq!(
        (source.pointer.as_ref(), source.from.as_str(), source.to.as_str()),
        ("/source_archive_for", "delete", "years7")
    );
    assert_eq!(source.reason, "HIPAA requires at least 6 years");
}

#[test]
fn gdpr_minds_an_archive_for_ever_only() {
    for (archive, expected) in [
        (Some(Archive::Indefinitely), true),
        (Some(Archive::Years10), false),
        (None, false),
    ] {
        assert_eq!(
            retention(archive, &[Regulation::Gdpr], None).effective().gdpr_for_ever,
            expected
        );
    }
    assert!(
        !retention(Some(Archive::Indefinitely), &[], None)
            .effective()
            .gdpr_for_ever
    );
}
