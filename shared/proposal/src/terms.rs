//! Commercial terms: discounts, the currency of the document, and tax.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use catalog::{Problem, checked_line};

use crate::quote::CENTS;

/// The most decimals of a percentage.
const MAX_PERCENT_DECIMALS: u32 = 2;

/// The most decimals of an exchange rate: central banks publish up to six.
const MAX_RATE_DECIMALS: u32 = 6;

/// A rate above this is a slip of the pen: no currency in the list below is worth so little.
const MAX_RATE: u32 = 100_000;

/// The highest tax on services anywhere is 27 % (Hungary); above this is a slip of the pen.
const MAX_TAX_PERCENT: u32 = 50;

/// Currencies of a proposal and their decimals, by ISO 4217.
pub const CURRENCIES: [(&str, u32); 12] = [
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
    /// Another currency than the price book's. Its rate weighs as much as a discount, so an administrator sets it.
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
    #[schema(value_type = String, pattern = r"^[0-9]{1,28}(\.[0-9]{1,28})?$")]
    pub percent: Decimal,
    /// Why it is given; the document says so.
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
    #[schema(value_type = String, pattern = r"^[0-9]{1,28}(\.[0-9]{1,28})?$")]
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
    #[schema(value_type = String, pattern = r"^[0-9]{1,28}(\.[0-9]{1,28})?$")]
    pub percent: Decimal,
}

impl Discounts {
    fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    fn all(&self) -> impl Iterator<Item = &Discount> {
        let all = [&self.licensing, &self.implementation, &self.managed_services];
        all.into_iter().flatten()
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
        let percents = self.discounts.all().map(|discount| discount.percent);
        percents.max().unwrap_or_default()
    }

    /// The terms in their normal form, for a price book in `currency`: texts without blanks around them, numbers without zeros behind.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn checked(mut self, currency: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let discounts = &mut self.discounts;
        for (name, discount) in [
            ("licensing", &mut discounts.licensing),
            ("implementation", &mut discounts.implementation),
            ("managed_services", &mut discounts.managed_services),
        ] {
            let Some(discount) = discount else { continue };
            let pointer = format!("/discounts/{name}");
            problems.extend(percent(&format!("{pointer}/percent"), &mut discount.percent, 100));
            problems.extend(line(&format!("{pointer}/reason"), &mut discount.reason));
        }
        if let Some(exchange) = &mut self.exchange {
            problems.extend(exchange.problems(currency));
        }
        if let Some(tax) = &mut self.tax {
            problems.extend(line("/tax/name", &mut tax.name));
            problems.extend(percent("/tax/percent", &mut tax.percent, MAX_TAX_PERCENT));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }
}

impl Exchange {
    fn problems(&mut self, book: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let known: Vec<&str> = CURRENCIES.iter().map(|(code, _)| *code).collect();
        if !known.contains(&self.currency.as_str()) {
            let hint = format!("one of {}", known.join(", "));
            problems.push(
                Problem::new("/exchange/currency", "this is not a currency that proposals can have").with_hint(hint),
            );
        }
        if self.currency == book {
            let message = format!("prices are in {book} already");
            problems.push(Problem::new("/exchange/currency", message).with_hint("leave `exchange` out"));
        }
        self.rate = self.rate.normalize();
        let rate = self.rate;
        if rate <= Decimal::ZERO || rate > Decimal::from(MAX_RATE) || rate.scale() > MAX_RATE_DECIMALS {
            let hint = format!("above 0 and up to {MAX_RATE}, with up to {MAX_RATE_DECIMALS} decimals");
            problems.push(
                Problem::new("/exchange/rate", format!("{rate} is not a possible exchange rate")).with_hint(hint),
            );
        }
        problems
    }
}

fn percent(pointer: &str, percent: &mut Decimal, most: u32) -> Option<Problem> {
    *percent = percent.normalize();
    let fits = *percent > Decimal::ZERO && *percent <= Decimal::from(most) && percent.scale() <= MAX_PERCENT_DECIMALS;
    let hint =
        format!("above 0 and up to {most}, with up to {MAX_PERCENT_DECIMALS} decimals; leave it out if there is none");
    (!fits).then(|| Problem::new(pointer, format!("{percent} % is not possible here")).with_hint(hint))
}

fn line(pointer: &str, text: &mut String) -> Option<Problem> {
    match checked_line(text, catalog::MAX_LABEL) {
        Ok(checked) => {
            *text = checked;
            None
        }
        Err(problem) => Some(problem.below(pointer)),
    }
}

#[cfg(test)]
mod tests;
