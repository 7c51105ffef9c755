//! The total cost summary: a table and a chart of the same amounts.

use proposal::Range;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::commercial::Cost;
use super::{Draft, Writer, times};
use crate::blocks::{Align, Bar, Block, Cell, Chart, Part, RowKind, Table, Tick};

/// The length of an axis.
const AXIS: u32 = 10_000;

/// The most ticks above the first one.
const MAX_TICKS: u32 = 5;

/// Years of the chart while no term is known: the first, and a later one.
const YEARS_WITHOUT_TERM: u8 = 2;

impl Writer<'_> {
    pub(super) fn totals(&self) -> Draft {
        let mut blocks = vec![Block::Table(self.totals_table())];
        blocks.extend(self.beyond_list_prices());
        blocks.push(Block::Chart(self.cost_chart()));
        ("Total cost summary", blocks)
    }

    /// The parts of the price at list prices, each with the key of the discount on it.
    fn parts(&self) -> [(&'static str, Cost); 4] {
        let totals = &self.details.quote.totals;
        let never = Range::default();
        let parts = [
            ("discount.licensing", "Licensing", never, totals.licensing_per_year),
            (
                "discount.implementation",
                "Implementation (one-time)",
                totals.implementation,
                never,
            ),
            ("", "Infrastructure", never, totals.infrastructure_per_year),
            (
                "discount.managed_services",
                "Managed services",
                never,
                totals.managed_services_per_year,
            ),
        ];
        parts.map(|(discount, name, once, yearly)| {
            let (name, detail) = (name.to_owned(), String::new());
            let cost = Cost {
                name,
                detail,
                once,
                yearly,
            };
            (discount, cost)
        })
    }

    /// The parts of the price after discounts, and the tax: they add up to the totals.
    fn net_parts(&self) -> Vec<Cost> {
        let mut parts = self.parts();
        for (key, discount) in self.discounts() {
            if let Some((_, part)) = parts.iter_mut().find(|(on, _)| *on == key) {
                part.once = part.once + discount.once;
                part.yearly = part.yearly + discount.yearly;
            }
        }
        parts.into_iter().map(|(_, part)| part).chain(self.tax()).collect()
    }

    fn totals_table(&self) -> Table {
        let totals = &self.details.quote.totals;
        let term = self.term_years();
        let (later, whole) = match term {
            Some(2) => ("Year 2".to_owned(), "2-year total".to_owned()),
            Some(years) => (format!("Years 2–{years}, each"), format!("{years}-year total")),
            None => ("Each later year".to_owned(), String::new()),
        };
        let mut columns = vec![("Cost", Align::Left, 31), ("Year 1", Align::Right, 23)];
        if term != Some(1) {
            columns.push((&later, Align::Right, 23));
            columns.extend(term.map(|_| (whole.as_str(), Align::Right, 23)));
        }
        let mut table = Table::new(
            "Costs of the first year, of later years, and of the whole term",
            &columns,
        );
        let shown = columns.len() - 1;
        let amounts = |year_1, later, whole| {
            let amounts = [year_1, later, whole].map(|amount| self.money(amount));
            amounts.into_iter().take(shown).collect::<Vec<_>>()
        };
        let never = |text: String| {
            if text == self.money(Range::default()) {
                "–".to_owned()
            } else {
                text
            }
        };
        let of_cost = |cost: &Cost| {
            let whole = cost.once + times(cost.yearly, term.unwrap_or_default().into());
            (cost.once + cost.yearly, cost.yearly, whole)
        };
        let line = |cost: Cost| {
            let (year_1, later, whole) = of_cost(&cost);
            let name = Cell {
                text: cost.name,
                detail: cost.detail,
            };
            let amounts = amounts(year_1, later, whole).into_iter();
            std::iter::once(name)
                .chain(amounts.map(|text| never(text).into()))
                .collect()
        };
        let discounts = self.discounts().map(|(_, discount)| discount);
        for cost in self.parts().into_iter().map(|(_, part)| part).chain(discounts) {
            table.body(line(cost));
        }
        if let Some(tax) = self.tax() {
            let (year_1, later, whole) = of_cost(&tax);
            let net = amounts(
                less(totals.year_1, year_1),
                less(totals.recurring_per_year, later),
                less(totals.term.unwrap_or_default(), whole),
            );
            table.sum(RowKind::Subtotal, "Total before tax", net);
            table.body(line(tax));
        }
        let sums = amounts(
            totals.year_1,
            totals.recurring_per_year,
            totals.term.unwrap_or_default(),
        );
        table.sum(RowKind::Total, "Total", sums);
        table
    }

    fn cost_chart(&self) -> Chart {
        let parts = self.net_parts();
        let totals = &self.details.quote.totals;
        let most = parts.iter().map(|part| part.once.max + part.yearly.max).sum();
        let (top, ticks) = self.axis(most);
        let years = self.term_years().unwrap_or(YEARS_WITHOUT_TERM);
        let bars: Vec<Bar> = (1..=years)
            .map(|year| {
                let first = year == 1;
                let part = |cost: &Cost| {
                    let once = if first { cost.once.max } else { Decimal::ZERO };
                    Part {
                        length: share(once + cost.yearly.max, top),
                    }
                };
                Bar {
                    label: format!("Year {year}"),
                    total: self.money(if first {
                        totals.year_1
                    } else {
                        totals.recurring_per_year
                    }),
                    parts: parts.iter().map(part).collect(),
                }
            })
            .collect();
        let discounted = if totals.discounts_year_1.is_some() {
            " after discounts"
        } else {
            ""
        };
        let estimated = if self.has_ranges() {
            ", estimates at their upper end"
        } else {
            ""
        };
        let title = format!("Cost per year{discounted}{estimated}");
        let said: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.label, bar.total)).collect();
        Chart {
            alt: format!("Stacked bars. {title}. {}.", said.join("; ")),
            title,
            series: parts.into_iter().map(|part| part.name).collect(),
            ticks,
            bars,
        }
    }

    /// The end of an axis that an amount fits on, and its ticks at round amounts.
    fn axis(&self, most: Decimal) -> (Decimal, Vec<Tick>) {
        let step = step(most);
        let count = (most / step).ceil().to_u32().unwrap_or(MAX_TICKS).max(1);
        let tick = |index: u32| Tick {
            label: self.locale.price(step * Decimal::from(index)),
            at: AXIS / count * index,
        };
        (step * Decimal::from(count), (0..=count).map(tick).collect())
    }
}

/// What is left of a range of amounts without a part of them.
fn less(whole: Range, part: Range) -> Range {
    whole + part.map(|amount| -amount)
}

/// The least of 1, 2, 5, 10, 20... that an amount takes at most [`MAX_TICKS`] of.
fn step(most: Decimal) -> Decimal {
    let mut power = Decimal::ONE;
    // Ends: amounts are below 10^28, and so is every power that is tried.
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(Decimal::from(factor));
            if step.saturating_mul(Decimal::from(MAX_TICKS)) >= most {
                return step;
            }
        }
        power = power.saturating_mul(Decimal::TEN);
    }
}

fn share(amount: Decimal, top: Decimal) -> u32 {
    (amount / top * Decimal::from(AXIS))
        .round()
        .to_u32()
        .unwrap_or_default()
        .min(AXIS)
}
