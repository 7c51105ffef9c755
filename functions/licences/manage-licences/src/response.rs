//! A stored licence as the API answers with it.

use api::licences::{Grant, Licence, LicenceProblem, LicenceProblemKind, Withdrawal};
use identity::licence::LicenceError;
use identity::licence::notice::days_left;
use jiff::civil::Date;
use records::licences::{self as stored, StoredLicence};

/// A licence, as it stands on a day of its client's calendar.
pub(crate) fn licence_response(stored: StoredLicence, today: Date) -> Licence {
    let problems: Vec<LicenceProblem> = stored.problems(today).iter().map(problem).collect();
    let terms = stored.licence.terms;
    Licence {
        id: stored.licence.id,
        client: stored.licence.client,
        key: stored.key,
        signed_by: stored.kid,
        days_left: days_left(&terms, today),
        grant: Grant {
            value_chains: terms.value_chains,
            modules: terms.modules,
            features: terms.features,
            seats: terms.seats,
            starts_on: terms.starts_on,
            ends_on: terms.ends_on,
        },
        issued_at: stored.licence.issued_at,
        issued_by: stored.issued_by,
        revoked: stored.revoked.map(withdrawal),
        valid: problems.is_empty(),
        problems,
    }
}

/// A problem for people and programs.
pub(crate) fn problem(error: &LicenceError) -> LicenceProblem {
    LicenceProblem {
        problem: kind(error),
        detail: error.to_string(),
        hint: error.hint(),
    }
}

fn kind(error: &LicenceError) -> LicenceProblemKind {
    match error {
        LicenceError::Malformed => LicenceProblemKind::Malformed,
        LicenceError::UnknownKey(_) => LicenceProblemKind::UnknownKey,
        LicenceError::Tampered => LicenceProblemKind::Tampered,
        LicenceError::Unreadable => LicenceProblemKind::Unreadable,
        LicenceError::WithdrawnKey(_) => LicenceProblemKind::WithdrawnKey,
        LicenceError::Unrecorded(_) => LicenceProblemKind::Unrecorded,
        LicenceError::WrongClient => LicenceProblemKind::WrongClient,
        LicenceError::Revoked(_) => LicenceProblemKind::Revoked,
        LicenceError::NotYetValid(_) => LicenceProblemKind::NotYetValid,
        LicenceError::Expired(_) => LicenceProblemKind::Expired,
    }
}

/// When, by whom and why a licence was revoked or a key withdrawn.
pub(crate) fn withdrawal(withdrawal: stored::Withdrawal) -> Withdrawal {
    Withdrawal {
        at: withdrawal.at,
        by: withdrawal.by,
        reason: withdrawal.reason,
    }
}
