//! From answers to a quote. What is not answered yet is not priced, and is listed as missing.

mod commercial;
mod implementation;
mod infrastructure;
mod recurring;

use crate::answers::Answers;
use crate::check::missing;
use crate::price_book::PriceBook;
use crate::questionnaire::{Questionnaire, StepKey};
use crate::quote::{Line, Notice, Quote, Totals};
use crate::required::RequiredObjects;
use crate::retention::{Adjustment, Effective};
use crate::terms::Terms;

/// What the answers so far cost, by a price book and on some terms. `required` is what the KPIs of the cart need now.
#[must_use]
pub fn quote(book: &PriceBook, answers: &Answers, terms: &Terms, required: &RequiredObjects) -> Quote {
    let retention = answers.retention.as_ref().map(|retention| retention.effective());
    let term = answers.licensing.as_ref().and_then(|licensing| licensing.term);
    let lines: Vec<Line> = recurring::licensing(book, answers, required)
        .into_iter()
        .chain(implementation::lines(book, answers, required))
        .chain(infrastructure::lines(
            book,
            answers,
            required.kpis.len(),
            retention.as_ref(),
        ))
        .chain(recurring::managed_services(book, answers))
        .collect();
    let lines = commercial::apply(terms, lines);
    let missing = missing(&Questionnaire::new(book), answers, required);
    Quote {
        price_book: book.version.clone(),
        currency: terms
            .exchange
            .as_ref()
            .map_or(&book.currency, |exchange| &exchange.currency)
            .clone(),
        complete: missing.is_empty() && required.unknown_kpis.is_empty(),
        totals: Totals::of(&lines, term.map(|term| term.years()), terms.decimals()),
        lines,
        missing,
        notices: notices(answers, required, retention.as_ref()),
        adjustments: retention.map_or_else(Vec::<Adjustment>::new, |retention| retention.adjustments),
    }
}

fn notices(answers: &Answers, required: &RequiredObjects, retention: Option<&Effective>) -> Vec<Notice> {
    let about = |step: StepKey, what: &str, text: String, hint: &str| Notice {
        pointer: format!("{}/{what}", step.name()),
        text,
        hint: hint.to_owned(),
    };
    let gone = required.unknown_kpis.iter().map(|code| {
        let text = format!("the catalogue no longer has the KPI {code}: it is not in the price");
        about(
            StepKey::KpiSelection,
            code,
            text,
            "take it out of the cart, or define it again",
        )
    });
    let homeless = required.without_value_chain.iter().map(|code| {
        let text = format!("the KPI {code} belongs to no value chain: no licence in the price covers it");
        about(
            StepKey::KpiSelection,
            code,
            text,
            "give it a value chain in the catalogue, or add one under licensing",
        )
    });
    let objects = answers.data_integration.iter().flatten().map(|(code, _)| code);
    let unneeded = objects
        .filter(|code| required.objects.iter().all(|object| object.code != **code))
        .map(|code| {
            let text = format!("no KPI in the cart needs {code} any longer: its integration is not in the price");
            about(
                StepKey::DataIntegration,
                code,
                text,
                "answer the step again to remove it",
            )
        });
    let gdpr = retention.filter(|retention| retention.gdpr_for_ever).map(|_| {
        let text =
            "GDPR allows personal data to be kept only as long as they are needed, but an archive is kept indefinitely";
        about(
            StepKey::Retention,
            "compliance",
            text.to_owned(),
            "choose a number of years",
        )
    });
    gone.chain(homeless).chain(unneeded).chain(gdpr).collect()
}
