//! Commercial terms: discounts, the currency of the document, and tax.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use catalog::Problem;

use crate::quote::CENTS;

/// Most characters of a discount's reason and of a tax's name.
const MAX_TEXT: usize = 120;

/// Most decimals of a percentage.
const MAX_PERCENT_DECIMALS: u32 = 2;

/// Most decimals of a rate of exchange: central banks publish up to six.
const MAX_RATE_DECIMALS: u32 = 6;

/// A rate above is a slip of the pen: no currency below is worth so little.
const MAX_RATE: u32 = 100_000;

/// The highest tax on services anywhere is 27 % (Hungary); above this is a slip of the pen.
const MAX_TAX_PERCENT: u32 = 50;

/// Currencies of a proposal and their decimals, by ISO 4217.
const CURRENCIES: [(&str, u32); 12] = [
    ("AUD", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("JPY", 0),
    ("NOK", 2),
    ("NZD", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("USD", 2),
];

/// What is agreed beyond the list prices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What is taken off. Infrastructure has no discount: it is what its owner pays to others.
    #[serde(default, skip_serializing_if = "Discounts::is_empty")]
    pub discounts: Discounts,
    /// Another currency than the price book's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// Tax, on everything after discounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Tax>,
}

/// Discounts by what they are on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discounts {
    /// On licences, every year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licensing: Option<Discount>,
    /// On integration, KPIs, the environment and work by the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Discount>,
    /// On support, every year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_services: Option<Discount>,
}

/// A discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// Percent of the list price, above 0, with up to two decimals.
    #[schema(value_type = String)]
    pub percent: Decimal,
    /// Why it is given; stands in the document.
    #[schema(max_length = 120)]
    pub reason: String,
}

/// A currency and what one unit of the price book's is worth in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// ISO 4217 code.
    pub currency: String,
    /// Units of it for one unit of the price book's currency.
    #[schema(value_type = String)]
    pub rate: Decimal,
}

/// A tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// Its name: `VAT`.
    #[schema(max_length = 120)]
    pub name: String,
    /// Percent, with up to two decimals.
    #[schema(value_type = String)]
    pub percent: Decimal,
}

impl Discounts {
    fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, discount)| discount.is_none())
    }

    /// Each with the name of what it is on.
    #[must_use]
    pub fn all(&self) -> [(&'static str, Option<&Discount>); 3] {
        [
            ("licensing", self.licensing.as_ref()),
            ("implementation", self.implementation.as_ref()),
            ("managed_services", self.managed_services.as_ref()),
        ]
    }
}

impl Terms {
    /// Decimals of an amount in their currency.
    pub(crate) fn decimals(&self) -> u32 {
        let exchange = self.exchange.as_ref();
        let known = exchange.and_then(|exchange| CURRENCIES.iter().find(|(code, _)| *code == exchange.currency));
        known.map_or(CENTS, |(_, decimals)| *decimals)
    }

    /// The highest percentage that is taken off anything.
    #[must_use]
    pub fn highest_discount(&self) -> Decimal {
        let discounts = self.discounts.all();
        let percents = discounts.iter().filter_map(|(_, discount)| *discount);
        percents.map(|discount| discount.percent).max().unwrap_or_default()
    }

    /// Everything that is wrong with them, for a price book in `currency`.
    #[must_use]
    pub fn problems(&self, currency: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, discount) in self.discounts.all() {
            let Some(discount) = discount else { continue };
            let pointer = format!("/discounts/{name}");
            let percent = percent(&format!("{pointer}/percent"), discount.percent, 100);
            problems.extend(percent);
            problems.extend(text(&format!("{pointer}/reason"), &discount.reason));
        }
        problems.extend(self.exchange.iter().flat_map(|exchange| exchange.problems(currency)));
        if let Some(tax) = &self.tax {
            problems.extend(text("/tax/name", &tax.name));
            problems.extend(percent("/tax/percent", tax.percent, MAX_TAX_PERCENT));
        }
        problems
    }
}

impl Exchange {
    fn problems(&self, book: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let known: Vec<&str> = CURRENCIES.iter().map(|(code, _)| *code).collect();
        if !known.contains(&self.currency.as_str()) {
            let message = format!("{:?} is no currency of a proposal", self.currency);
            problems
                .push(Problem::new("/exchange/currency", message).with_hint(format!("one of {}", known.join(", "))));
        }
        if self.currency == book {
            let message = format!("prices are in {book} already");
            problems.push(Problem::new("/exchange/currency", message).with_hint("leave `exchange` out"));
        }
        let rate = self.rate.normalize();
        if rate <= Decimal::ZERO || rate > Decimal::from(MAX_RATE) || rate.scale() > MAX_RATE_DECIMALS {
            let hint = format!("above 0 and up to {MAX_RATE}, with up to {MAX_RATE_DECIMALS} decimals");
            problems.push(Problem::new("/exchange/rate", format!("{rate} is no rate of exchange")).with_hint(hint));
        }
        problems
    }
}

fn percent(pointer: &str, percent: Decimal, most: u32) -> Option<Problem> {
    let percent = percent.normalize();
    let fits = percent > Decimal::ZERO && percent <= Decimal::from(most) && percent.scale() <= MAX_PERCENT_DECIMALS;
    let hint = format!("above 0 and up to {most}, with up to {MAX_PERCENT_DECIMALS} decimals; leave it out for none");
    (!fits).then(|| Problem::new(pointer, format!("{percent} % is not possible here")).with_hint(hint))
}

fn text(pointer: &str, text: &str) -> Option<Problem> {
    let (text, length) = (text.trim(), text.trim().chars().count());
    let fits = (1..=MAX_TEXT).contains(&length) && !text.chars().any(char::is_control);
    let hint = format!("a line of 1 to {MAX_TEXT} characters");
    (!fits).then(|| Problem::new(pointer, format!("{text:?} is no such line")).with_hint(hint))
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
