//! The executive summary.

use proposal::Range;

use super::{Draft, Writer, note, paragraph};
use crate::blocks::{Block, Fact, Figure};
use crate::text::clean;
use crate::words;

/// The most points to note that are listed; further ones are counted.
const MAX_NOTES: usize = 12;

/// The most names of value chains in a sentence.
const MAX_NAMES: usize = 8;

impl Writer<'_> {
    pub(super) fn summary(&self) -> Draft {
        let details = self.details;
        let mut blocks = vec![
            paragraph(format!(
                "This proposal outlines the licensing, implementation, infrastructure and support costs of deploying the \
                 Analytics Engine platform at {}.",
                clean(details.client)
            )),
            paragraph(self.scope()),
            Block::Figures {
                figures: self.figures(),
            },
        ];
        blocks.push(super::heading("At a glance"));
        blocks.push(Block::Facts { facts: self.glance() });
        let quote = details.quote;
        if !quote.complete {
            let open = self.locale.count(quote.missing.len(), "answer is", "answers are");
            blocks.push(note(format!(
                "This is a draft: {open} missing, and what depends on them is not in the price."
            )));
        }
        if self.has_ranges() {
            blocks.push(paragraph(
                "Amounts are given as a range where the effort is estimated: the least and the most that we expect.",
            ));
        }
        blocks.extend(self.notes());
        ("Executive summary", blocks)
    }

    fn scope(&self) -> String {
        let required = self.details.required;
        let (kpis, objects) = (required.kpis.len(), required.objects.len());
        let chains: Vec<String> = self.chains();
        let named = match chains.len() {
            0 => String::new(),
            1..=MAX_NAMES => format!(
                " of the {} {}",
                if chains.len() == 1 {
                    "value chain"
                } else {
                    "value chains"
                },
                listed(&chains)
            ),
            many => format!(" of {many} value chains"),
        };
        format!(
            "It covers {}{named}, computed from {} of source data.",
            self.locale.count(kpis, "KPI", "KPIs"),
            self.locale.count(objects, "object", "objects"),
        )
    }

    fn glance(&self) -> Vec<Fact> {
        let answers = self.details.answers;
        let years = self
            .term_years()
            .map(|years| self.locale.count(years.into(), "year", "years"));
        let platform = answers
            .environment
            .as_ref()
            .and_then(|environment| environment.platform);
        let retainer = answers.managed_services.as_ref().and_then(|support| support.retainer);
        let support = retainer.map(|wanted| if wanted { "Annual retainer" } else { "None" }.to_owned());
        let work = self.work();
        let from = work.map(|(from, _)| self.locale.date(from));
        let to = work.map(|(_, to)| self.locale.date(to));
        let totals = &self.details.quote.totals;
        let first_year =
            |amount: Option<Range>| amount.map(|amount| format!("{} in the first year", self.money(amount)));
        let before = match self.before("discount.implementation") {
            "" => String::new(),
            what => format!(",{what}"),
        };
        let tax = self.tax().map(|tax| format!("{}, ", tax.name)).unwrap_or_default();
        let facts = [
            ("License term", years),
            (
                "Implementation",
                Some(format!("{}, one-time{before}", self.money(totals.implementation))),
            ),
            (
                "Platform",
                platform.map(|platform| words::platform(platform).to_owned()),
            ),
            ("Support", support),
            ("Start of work", from),
            ("End of work", to),
            (
                "Prices",
                Some(format!(
                    "{}, price list of {}",
                    clean(&self.details.quote.currency),
                    clean(&self.details.quote.price_book)
                )),
            ),
            ("Exchange rate", self.exchange()),
            ("Discounts", first_year(totals.discounts_year_1)),
            ("Tax", first_year(totals.tax_year_1).map(|amount| tax + &amount)),
        ];
        facts
            .into_iter()
            .filter_map(|(label, value)| Some(Fact::new(label, value?)))
            .collect()
    }

    fn figures(&self) -> Vec<Figure> {
        let totals = &self.details.quote.totals;
        let figure = |label: &str, value: String| Figure {
            label: label.to_owned(),
            value,
        };
        let first = if totals.tax_year_1.is_some() {
            "First year, tax included"
        } else {
            "First year"
        };
        let mut figures = vec![figure(first, self.money(totals.year_1))];
        match (totals.term, self.term_years()) {
            (Some(term), Some(years)) if years > 1 => {
                figures.push(figure("Each later year", self.money(totals.recurring_per_year)));
                figures.push(figure(&format!("{years}-year total"), self.money(term)));
            }
            (Some(_), _) => figures.push(figure("Of which recurring", self.money(totals.recurring_per_year))),
            (None, _) => figures.push(figure("Each later year", self.money(totals.recurring_per_year))),
        }
        figures
    }

    pub(super) fn has_ranges(&self) -> bool {
        self.details
            .quote
            .lines
            .iter()
            .any(|line| line.amount.min != line.amount.max)
    }

    /// What the quote wants its readers to know.
    fn notes(&self) -> Vec<Block> {
        let notices = &self.details.quote.notices;
        let shown = notices.iter().take(MAX_NOTES);
        let mut items: Vec<String> = shown.map(|notice| super::capital(&clean(&notice.text)) + ".").collect();
        if notices.len() > MAX_NOTES {
            let more = self
                .locale
                .count(notices.len() - MAX_NOTES, "more point", "more points");
            items.push(format!("And {more}."));
        }
        if items.is_empty() {
            return Vec::new();
        }
        vec![super::heading("Points to note"), Block::List { ordered: false, items }]
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
