//! The total cost summary: a table and a chart of the same amounts.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::{Draft, Writer, times};
use crate::document::blocks::{Align, Bar, Block, Chart, Part, RowKind, Table, Tick};
use crate::quote::Range;

/// The length of an axis.
const AXIS: u32 = 10_000;

/// The most ticks above the first one.
const MAX_TICKS: u32 = 5;

/// Years of the chart while no term is known: the first, and a later one.
const YEARS_WITHOUT_TERM: u8 = 2;

/// A part of the price: its name, what it costs once, and what every year.
type CostPart = (&'static str, Range, Range);

impl Writer<'_> {
    pub(super) fn totals(&self) -> Draft {
        (
            "Total cost summary",
            vec![Block::Table(self.totals_table()), Block::Chart(self.cost_chart())],
        )
    }

    fn parts(&self) -> [CostPart; 4] {
        let totals = &self.details.quote.totals;
        let never = Range::default();
        [
            ("Licensing", never, totals.licensing_per_year),
            ("Implementation (one-time)", totals.implementation, never),
            ("Infrastructure", never, totals.infrastructure_per_year),
            ("Managed services", never, totals.managed_services_per_year),
        ]
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
        for (name, once, yearly) in self.parts() {
            let whole = once + times(yearly, term.unwrap_or_default().into());
            let mut cells = vec![name.into()];
            let never = |text: String| {
                if text == self.money(Range::default()) {
                    "–".to_owned()
                } else {
                    text
                }
            };
            cells.extend(
                amounts(once + yearly, yearly, whole)
                    .into_iter()
                    .map(|text| never(text).into()),
            );
            table.body(cells);
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
        let parts = self.parts();
        let totals = &self.details.quote.totals;
        let most = parts.iter().map(|(_, once, yearly)| once.max + yearly.max).sum();
        let (top, ticks) = self.axis(most);
        let years = self.term_years().unwrap_or(YEARS_WITHOUT_TERM);
        let bars: Vec<Bar> = (1..=years)
            .map(|year| {
                let first = year == 1;
                let part = |&(_, once, yearly): &CostPart| Part {
                    length: share(if first { once.max } else { Decimal::ZERO } + yearly.max, top),
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
        let title = "Cost per year, estimates at their upper end".to_owned();
        let said: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.label, bar.total)).collect();
        Chart {
            alt: format!("Stacked bars. {title}. {}.", said.join("; ")),
            title,
            series: parts.iter().map(|(name, _, _)| (*name).to_owned()).collect(),
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
