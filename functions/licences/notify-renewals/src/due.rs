//! Which mails are due today, decided from what is stored and nothing else.

use identity::licence::Terms;
use identity::licence::notice::due_notice;
use jiff::civil::Date;
use records::licences::StoredLicence;
use records::renewal_notices::{Audience, RenewalNotice};

/// A mail to one administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due<'a> {
    /// Which notice of which licence to whom.
    pub notice: RenewalNotice,
    /// The address.
    pub to: &'a str,
    /// What ends.
    pub terms: &'a Terms,
}

/// The mails that are due on a day of the client's calendar. None about a licence that was revoked or has ended, or that another
/// licence of the client continues.
#[must_use]
pub fn due<'a>(licences: &'a [StoredLicence], audience: &'a Audience, today: Date) -> Vec<Due<'a>> {
    let lasting: Vec<&StoredLicence> = licences.iter().filter(|stored| !stored.is_taken_back()).collect();
    let mut found = Vec::new();
    for stored in &lasting {
        let terms = &stored.licence.terms;
        if lasting.iter().any(|other| other.licence.terms.continue_from(terms)) {
            continue;
        }
        let licence = stored.licence.id;
        for administrator in &audience.administrators {
            let own = |sent: &&RenewalNotice| (sent.licence_id, sent.user_id) == (licence, administrator.id);
            let sent: Vec<i32> = audience.sent.iter().filter(own).map(|sent| sent.days_before).collect();
            found.extend(due_notice(terms, today, &sent).map(|days_before| Due {
                notice: RenewalNotice {
                    licence_id: licence,
                    days_before,
                    user_id: administrator.id,
                },
                to: &administrator.email,
                terms,
            }));
        }
    }
    found
}
