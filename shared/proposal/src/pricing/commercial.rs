//! From list prices to what is to be paid: the currency, then discounts, then tax. Each is a line, so that totals stay sums of lines.

use rust_decimal::Decimal;

use crate::quote::{Line, Period, Range, Section, money};
use crate::terms::{Discount, Tax, Terms};

/// Decimals of a unit price in another currency: those of a price and of a rate together, so that nothing is rounded away.
const UNIT_PRICE_DECIMALS: u32 = 8;

/// The unit of a line whose quantity is an amount.
const OF_AMOUNT: &str = "of amount";

/// The lines in the currency of the terms, followed by discounts and tax.
pub(super) fn apply(terms: &Terms, lines: Vec<Line>) -> Vec<Line> {
    let decimals = terms.decimals();
    let mut lines: Vec<Line> = match &terms.exchange {
        Some(exchange) => lines
            .into_iter()
            .map(|line| converted(line, exchange.rate, decimals))
            .collect(),
        None => lines,
    };
    let discounts: Vec<Line> = [
        ("discount.licensing", &terms.discounts.licensing, LICENSING),
        (
            "discount.implementation",
            &terms.discounts.implementation,
            IMPLEMENTATION,
        ),
        ("discount.managed_services", &terms.discounts.managed_services, SUPPORT),
    ]
    .into_iter()
    .filter_map(|(key, discount, on)| taken_off(key, discount.as_ref()?, on, &lines, decimals))
    .collect();
    lines.extend(discounts);
    let taxes: Vec<Line> = terms.tax.iter().flat_map(|tax| taxed(tax, &lines, decimals)).collect();
    lines.extend(taxes);
    lines
}

const LICENSING: &[Section] = &[Section::Licensing];
const SUPPORT: &[Section] = &[Section::ManagedServices];
const IMPLEMENTATION: &[Section] = &[
    Section::DataIntegration,
    Section::KpiImplementation,
    Section::Environment,
    Section::TimeAndMaterials,
];

/// The unit price is converted, and the amount follows from it: a reader can compute each line again.
fn converted(line: Line, rate: Decimal, decimals: u32) -> Line {
    let unit_price = money(line.unit_price * rate, UNIT_PRICE_DECIMALS).normalize();
    let amount = line.quantity.map(|quantity| money(quantity * unit_price, decimals));
    Line {
        unit_price,
        amount,
        ..line
    }
}

fn taken_off(key: &'static str, discount: &Discount, on: &[Section], lines: &[Line], decimals: u32) -> Option<Line> {
    let of: Vec<&Line> = lines.iter().filter(|line| on.contains(&line.section)).collect();
    // Each of these groups is paid in one rhythm.
    let period = of.first()?.period;
    let base: Range = of.iter().map(|line| line.amount).sum();
    let share = -percentage(discount.percent);
    Some(share_of(Section::Discount, key, base, share, period, decimals).about(&discount.reason))
}

/// One line for each rhythm of payment.
fn taxed(tax: &Tax, lines: &[Line], decimals: u32) -> Vec<Line> {
    let rhythms = [
        ("tax.once", Period::Once),
        ("tax.month", Period::Month),
        ("tax.year", Period::Year),
    ];
    let line = |(key, period)| {
        let of: Vec<&Line> = lines.iter().filter(|line| line.period == period).collect();
        let base: Range = of.iter().map(|line| line.amount).sum();
        let line = || share_of(Section::Tax, key, base, percentage(tax.percent), period, decimals);
        (!of.is_empty()).then(|| line().about(&tax.name))
    };
    rhythms.into_iter().filter_map(line).collect()
}

fn share_of(section: Section, key: &'static str, base: Range, share: Decimal, period: Period, decimals: u32) -> Line {
    Line {
        section,
        key: key.into(),
        subject: None,
        source_system: None,
        quantity: base,
        unit: OF_AMOUNT.into(),
        unit_price: share,
        period,
        amount: base.map(|amount| money(amount * share, decimals)),
        hours: None,
    }
}

fn percentage(percent: Decimal) -> Decimal {
    (percent / Decimal::ONE_HUNDRED).normalize()
}
