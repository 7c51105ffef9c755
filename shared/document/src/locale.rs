//! Numbers and dates as text. The only place where a document's numbers are formatted.

use jiff::civil::Date;
use proposal::{Quote, Range};
use rust_decimal::Decimal;

/// Between the ends of a range.
const TO: &str = " – ";

/// Before an amount below zero.
pub(super) const MINUS: &str = "−";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Currencies with a sign of their own. Others have their code before the amount: `CHF 2,500`.
const SIGNS: [(&str, &str); 4] = [("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "¥")];

/// Between the code of a currency and an amount: no line ends there.
const NO_BREAK: char = '\u{a0}';

/// How a reader writes numbers and dates. So far American numbers with English dates: `$2,500`, `21 November 2026`.
///
/// Amounts of money show the minor units of their currency when any amount of the quote has some, and then all of them
/// do: a column of amounts is aligned, and the same amount looks the same everywhere. Yen have none. Prices of a unit
/// show minor units when they have some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale {
    /// What stands before an amount.
    symbol: String,
    /// Decimals of every amount.
    decimals: u32,
}

impl Locale {
    /// The language of all text, as an ISO 639-1 code.
    pub const LANGUAGE: &'static str = "en";
    /// The country whose numbers these are, as an ISO 3166 code.
    pub const REGION: &'static str = "US";

    /// The locale of a quote, which knows its currency and whether its amounts have cents.
    #[must_use]
    pub fn of(quote: &Quote) -> Self {
        let amounts = || quote.lines.iter().flat_map(|line| [line.amount.min, line.amount.max]);
        // Totals are sums of multiples of lines, so they are whole when all lines are.
        let whole = amounts().all(|amount| amount.fract().is_zero());
        // Amounts of a quote are written with all decimals of their currency.
        let minor = amounts().map(|amount| amount.scale()).max().unwrap_or_default();
        Self {
            symbol: symbol(&quote.currency),
            decimals: if whole { 0 } else { minor },
        }
    }

    /// An amount of money.
    #[must_use]
    pub fn money(&self, amount: Decimal) -> String {
        let sign = if amount.is_sign_negative() && !amount.is_zero() {
            MINUS
        } else {
            ""
        };
        let digits = grouped(&fixed(amount.abs(), self.decimals));
        format!("{sign}{}{digits}", self.symbol)
    }

    /// A share as percent, whatever its sign: `7.5%`.
    #[must_use]
    pub fn percent(&self, share: Decimal) -> String {
        self.exact(share.abs() * Decimal::ONE_HUNDRED) + "%"
    }

    /// A number with all its digits.
    #[must_use]
    pub fn exact(&self, number: Decimal) -> String {
        grouped(&number.normalize().to_string())
    }

    /// Amounts from the least to the most; one amount when both are the same.
    #[must_use]
    pub fn money_range(&self, amount: Range) -> String {
        range(amount, |end| self.money(end))
    }

    /// The price of a unit: cents when it has some, and finer digits when it has these.
    #[must_use]
    pub fn price(&self, price: Decimal) -> String {
        let price = price.normalize();
        let decimals = if price.scale() == 0 { 0 } else { price.scale().max(2) };
        format!("{}{}", self.symbol, grouped(&fixed(price, decimals)))
    }

    /// A quantity: two decimals at most, and all decimals below one.
    #[must_use]
    pub fn number(&self, number: Decimal) -> String {
        let number = if number.abs() < Decimal::ONE {
            number
        } else {
            number.round_dp(2)
        };
        self.exact(number)
    }

    /// Quantities from the least to the most.
    #[must_use]
    pub fn number_range(&self, numbers: Range) -> String {
        range(numbers, |end| self.number(end))
    }

    /// A count of things: `1 KPI`, `1,200 KPIs`.
    #[must_use]
    pub fn count(&self, number: usize, one: &str, many: &str) -> String {
        let name = if number == 1 { one } else { many };
        format!("{} {name}", grouped(&number.to_string()))
    }

    /// A day: `21 November 2026`.
    #[must_use]
    pub fn date(&self, date: Date) -> String {
        format!("{} {} {}", date.day(), month(date), date.year())
    }

    /// A day of a known year: `21 Nov`.
    #[must_use]
    pub fn day(&self, date: Date) -> String {
        format!("{} {}", date.day(), month(date).get(..3).unwrap_or_default())
    }

    /// Days from the first to the last; one when both are the same.
    #[must_use]
    pub fn days(&self, from: Date, to: Date) -> String {
        if from == to {
            self.day(from)
        } else {
            format!("{}{TO}{}", self.day(from), self.day(to))
        }
    }

    /// A month of a long axis: `Nov 2026`.
    #[must_use]
    pub fn month(&self, date: Date) -> String {
        format!("{} {}", month(date).get(..3).unwrap_or_default(), date.year())
    }
}

fn range(range: Range, text: impl Fn(Decimal) -> String) -> String {
    if range.min == range.max {
        text(range.min)
    } else {
        format!("{}{TO}{}", text(range.min), text(range.max))
    }
}

fn month(date: Date) -> &'static str {
    let index = usize::try_from(date.month()).unwrap_or_default();
    MONTHS.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

/// With exactly so many decimals.
fn fixed(number: Decimal, decimals: u32) -> String {
    let mut number = number.round_dp(decimals);
    number.rescale(decimals);
    number.to_string()
}

/// With a comma before each three digits of the whole part.
fn grouped(digits: &str) -> String {
    let (whole, rest) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut out = String::with_capacity(digits.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

fn symbol(currency: &str) -> String {
    let sign = SIGNS.iter().find(|(code, _)| *code == currency);
    sign.map_or_else(
        || format!("{}{NO_BREAK}", super::clean(currency)),
        |(_, sign)| (*sign).to_owned(),
    )
}

#[cfg(test)]
mod tests;
