//! What can be licensed, and what follows on what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::date;

use super::*;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn terms() -> Terms {
    Terms {
        value_chains: names(&["SCOR", "CRM"]),
        modules: BTreeSet::new(),
        features: [Feature::Series, Feature::Live].into(),
        seats: 5,
        starts_on: date(2026, 1, 1),
        ends_on: date(2026, 12, 31),
    }
}

#[test]
fn whatever_is_wrong_is_named_with_what_is_possible() {
    let many = |count: usize| (0..count).map(|number| format!("M{number}")).collect();
    let cases: Vec<(Terms, &str, &str)> = vec![
        (
            Terms {
                value_chains: many(21),
                ..terms()
            },
            "/value_chains",
            "20 are possible",
        ),
        (
            Terms {
                modules: many(101),
                ..terms()
            },
            "/modules",
            "100 are possible",
        ),
        (
            Terms {
                modules: names(&[""]),
                ..terms()
            },
            "/modules",
            "1 to 60",
        ),
        (
            Terms {
                modules: names(&[" Orders"]),
                ..terms()
            },
            "/modules",
            "blank",
        ),
        (
            Terms {
                modules: names(&["a\nb"]),
                ..terms()
            },
            "/modules",
            "control",
        ),
        (
            Terms {
                value_chains: names(&[&"x".repeat(61)]),
                ..terms()
            },
            "/value_chains",
            "1 to 60",
        ),
        (
            Terms {
                features: BTreeSet::new(),
                ..terms()
            },
            "/features",
            "proposals",
        ),
        (Terms { seats: 0, ..terms() }, "/seats", "1000000"),
        (
            Terms {
                seats: MAX_SEATS + 1,
                ..terms()
            },
            "/seats",
            "1000001",
        ),
        (
            Terms {
                ends_on: date(2025, 12, 31),
                ..terms()
            },
            "/ends_on",
            "before the first",
        ),
        (
            Terms {
                ends_on: date(2036, 1, 2),
                ..terms()
            },
            "/ends_on",
            "2036-01-01",
        ),
        (
            Terms {
                starts_on: Date::MIN,
                ends_on: Date::MIN,
                ..terms()
            },
            "/starts_on",
            "2000 to 2200",
        ),
        (
            Terms {
                starts_on: date(2201, 1, 1),
                ends_on: date(2202, 1, 1),
                ..terms()
            },
            "/starts_on",
            "2000 to 2200",
        ),
    ];
    for (terms, pointer, told) in cases {
        let problems = terms.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].pointer, pointer);
        assert!(problems[0].message.contains(told), "{problems:?}");
    }
    let good = [
        terms(),
        Terms::evaluation(date(2026, 2, 28)),
        Terms {
            ends_on: date(2026, 1, 1),
            ..terms()
        },
        Terms {
            ends_on: date(2036, 1, 1),
            seats: MAX_SEATS,
            modules: many(100),
            ..terms()
        },
        Terms {
            modules: names(&[&"ü".repeat(60)]),
            value_chains: many(20),
            ..terms()
        },
        Terms {
            starts_on: date(2200, 12, 31),
            ends_on: date(2210, 12, 31),
            ..terms()
        },
    ];
    for terms in good {
        assert_eq!(terms.problems(), []);
    }
}

#[test]
fn a_new_client_may_try_everything_for_thirty_days() {
    let terms = Terms::evaluation(date(2026, 2, 1));
    assert_eq!((terms.starts_on, terms.ends_on), (date(2026, 2, 1), date(2026, 3, 2)));
    assert_eq!(terms.features(), Features::ALL);
}

#[test]
fn a_licence_counts_from_its_first_day_to_its_last() {
    let licence = Licence {
        id: Uuid::from_u128(1),
        client: Uuid::from_u128(2),
        issued_at: "2025-12-01T00:00:00Z".parse().unwrap(),
        terms: terms(),
    };
    let (first, last) = (date(2026, 1, 1), date(2026, 12, 31));
    for (today, expected) in [
        (date(2025, 12, 31), Err(LicenceError::NotYetValid(first))),
        (first, Ok(())),
        (last, Ok(())),
        (date(2027, 1, 1), Err(LicenceError::Expired(last))),
    ] {
        assert_eq!(licence.check_day(today), expected, "{today}");
    }
}

#[test]
fn a_successor_leaves_no_gap_and_covers_as_much() {
    let next = Terms {
        starts_on: date(2027, 1, 1),
        ends_on: date(2027, 12, 31),
        ..terms()
    };
    let all = BTreeSet::new();
    let cases = [
        ("the day after", next.clone(), true),
        (
            "overlapping",
            Terms {
                starts_on: date(2026, 6, 1),
                ..next.clone()
            },
            true,
        ),
        (
            "a gap of a day",
            Terms {
                starts_on: date(2027, 1, 2),
                ..next.clone()
            },
            false,
        ),
        (
            "no longer",
            Terms {
                starts_on: date(2026, 1, 1),
                ends_on: date(2026, 12, 31),
                ..next.clone()
            },
            false,
        ),
        (
            "every chain",
            Terms {
                value_chains: all,
                ..next.clone()
            },
            true,
        ),
        (
            "a chain less",
            Terms {
                value_chains: names(&["SCOR"]),
                ..next.clone()
            },
            false,
        ),
        (
            "fewer modules",
            Terms {
                modules: names(&["Orders"]),
                ..next.clone()
            },
            false,
        ),
        (
            "a feature less",
            Terms {
                features: [Feature::Live].into(),
                ..next.clone()
            },
            false,
        ),
        (
            "every feature",
            Terms {
                features: Feature::ALL.into(),
                ..next
            },
            true,
        ),
    ];
    for (name, later, expected) in cases {
        assert_eq!(later.continue_from(&terms()), expected, "{name}");
    }
    let every = Terms {
        value_chains: BTreeSet::new(),
        ..terms()
    };
    let some = Terms {
        ends_on: date(2027, 1, 1),
        ..terms()
    };
    assert!(!some.continue_from(&every), "two chains are not every chain");
}
