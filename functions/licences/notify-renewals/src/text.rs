//! What a renewal notice says.

use std::collections::BTreeSet;

use identity::Feature;
use identity::licence::notice::days_left;
use jiff::civil::Date;

use crate::Due;

/// One line.
pub(crate) fn subject(client: &str, due: &Due<'_>, today: Date) -> String {
    format!("The Analytics Engine licence of {client} ends {}", when(due, today))
}

fn when(due: &Due<'_>, today: Date) -> String {
    match days_left(due.terms, today) {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    }
}

/// Plain text, for an administrator of the client.
pub(crate) fn text(client: &str, due: &Due<'_>, today: Date) -> String {
    let terms = due.terms;
    let named = |names: &BTreeSet<String>| {
        if names.is_empty() {
            return "all".to_owned();
        }
        names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let features: Vec<&str> = terms.features.iter().copied().map(Feature::name).collect();
    format!(
        "A licence of {client} for the Analytics Engine ends {when}: its last day is {last}.

Licence:      {licence}
Value chains: {chains}
Modules:      {modules}
Features:     {features}
Seats:        {seats}

After that day, requests that need this licence are refused. Definitions and data are kept, and entities, KPIs and licences can still be read.

To continue without a gap, ask your provider for a licence that begins on {next} or earlier.
",
        when = when(due, today),
        last = terms.ends_on,
        licence = due.notice.licence_id,
        chains = named(&terms.value_chains),
        modules = named(&terms.modules),
        features = features.join(", "),
        seats = terms.seats,
        next = terms.ends_on.tomorrow().unwrap_or(terms.ends_on),
    )
}
