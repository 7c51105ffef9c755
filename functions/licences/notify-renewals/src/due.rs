//! Which mails are due today, decided from what is stored and nothing else.

use database::licences::Stored;
use database::notices::{Audience, Notice};
use identity::licence::Terms;
use identity::licence::notice::due_notice;
use jiff::civil::Date;

/// A mail to one administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due<'a> {
    /// Which notice of which licence to whom.
    pub notice: Notice,
    /// The address.
    pub to: &'a str,
    /// What ends.
    pub terms: &'a Terms,
}

/// The mails that are due on a day of the client's calendar. None about a licence that was revoked or has ended, or that another
/// licence of the client continues.
#[must_use]
pub fn due<'a>(licences: &'a [Stored], audience: &'a Audience, today: Date) -> Vec<Due<'a>> {
    let lasting: Vec<&Stored> = licences.iter().filter(|stored| !stored.is_taken_back()).collect();
    let mut found = Vec::new();
    for stored in &lasting {
        let terms = &stored.licence.terms;
        if lasting.iter().any(|other| other.licence.terms.continue_from(terms)) {
            continue;
        }
        let licence = stored.licence.id;
        for (user, address) in &audience.administrators {
            let own = |sent: &&Notice| (sent.licence, sent.user) == (licence, *user);
            let sent: Vec<i32> = audience.sent.iter().filter(own).map(|sent| sent.days_before).collect();
            found.extend(due_notice(terms, today, &sent).map(|days_before| Due {
                notice: Notice {
                    licence,
                    days_before,
                    user: *user,
                },
                to: address,
                terms,
            }));
        }
    }
    found
}
