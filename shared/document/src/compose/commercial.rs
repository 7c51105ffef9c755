//! What is agreed beyond the list prices: discounts, tax and another currency.

use proposal::{Line, PriceBook, Range, Section};

use super::{Writer, heading, paragraph};
use crate::blocks::{Align, Block, Cell, Table};
use crate::text::clean;
use crate::words;

/// What a part of the price, a discount or a tax costs.
pub(super) struct Cost {
    /// What it is for.
    pub(super) name: String,
    /// What is to be said of it in small.
    pub(super) detail: String,
    /// What it costs once.
    pub(super) once: Range,
    /// What it costs every year.
    pub(super) yearly: Range,
}

impl Cost {
    /// What lines cost together.
    fn of<'a>(name: String, detail: String, lines: impl Iterator<Item = &'a Line> + Clone) -> Self {
        Self {
            name,
            detail,
            once: lines.clone().map(Line::paid_once).sum(),
            yearly: lines.map(Line::per_year).sum(),
        }
    }
}

impl Writer<'_> {
    /// Each discount with the key of its line.
    pub(super) fn discounts(&self) -> impl Iterator<Item = (&str, Cost)> {
        self.lines(Section::Discount).map(|line| {
            let cost = Cost::of(
                words::item(&line.key).to_owned(),
                self.reason(line),
                std::iter::once(line),
            );
            (line.key.as_ref(), cost)
        })
    }

    /// The tax, of all rhythms of payment together.
    pub(super) fn tax(&self) -> Option<Cost> {
        let lines = self.lines(Section::Tax);
        let first = lines.clone().next()?;
        let rate = self.locale.percent(first.unit_price);
        Some(Cost::of(subject(first), format!("{rate} of all of the above"), lines))
    }

    /// What a sum of list prices is still without, as the end of its name. `discount` is the key of the one on it.
    pub(super) fn before(&self, discount: &str) -> &'static str {
        let discounted = self.lines(Section::Discount).any(|line| line.key == discount);
        let taxed = self.lines(Section::Tax).next().is_some();
        match (discounted, taxed) {
            (false, false) => "",
            (true, false) => " before discount",
            (false, true) => " before tax",
            (true, true) => " before discount and tax",
        }
    }

    /// The rate of exchange as `1 USD = 0.92 EUR`, when prices are not in the price list's own currency.
    pub(super) fn exchange(&self) -> Option<String> {
        let exchange = self.details.terms.exchange.as_ref()?;
        let list = PriceBook::of(&self.details.quote.price_book);
        let list = list.map_or("unit of the price list", |book| &book.currency);
        let (rate, currency) = (self.locale.exact(exchange.rate), clean(&exchange.currency));
        Some(format!("1 {list} = {rate} {currency}"))
    }

    /// Every line that is no list price, as the quote has it.
    pub(super) fn beyond_list_prices(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let lines = || self.lines(Section::Discount).chain(self.lines(Section::Tax));
        if lines().next().is_some() {
            let taxed = self.lines(Section::Tax).next().is_some();
            let discounted = self.lines(Section::Discount).next().is_some();
            blocks.push(heading(match (discounted, taxed) {
                (true, true) => "Discounts and tax",
                (true, false) => "Discounts",
                (false, _) => "Tax",
            }));
            blocks.push(Block::Table(self.adjusting(lines())));
        }
        blocks.extend(self.exchange().map(|rate| {
            let currency = clean(&self.details.quote.currency);
            paragraph(format!(
                "All prices are in {currency}. They are those of the price list, converted at {rate}."
            ))
        }));
        blocks
    }

    fn adjusting<'a>(&self, lines: impl Iterator<Item = &'a Line>) -> Table {
        let right = Align::Right;
        let columns = [
            ("Item", Align::Left, 34),
            ("Paid", Align::Left, 14),
            ("Of", right, 21),
            ("Share", right, 9),
            ("Amount", right, 22),
        ];
        let mut table = Table::new(
            "Discounts and tax, with the amounts that they are calculated on",
            &columns,
        );
        for line in lines {
            let item = match line.section {
                Section::Tax => Cell::from(format!("{} {}", subject(line), words::item(&line.key))),
                _ => Cell {
                    text: words::item(&line.key).to_owned(),
                    detail: self.reason(line),
                },
            };
            table.body(vec![
                item,
                words::period(line.period).into(),
                self.money(line.quantity).into(),
                self.locale.percent(line.unit_price).into(),
                self.money(line.amount).into(),
            ]);
        }
        table
    }

    /// How much a discount is, and why.
    fn reason(&self, line: &Line) -> String {
        let (share, reason) = (self.locale.percent(line.unit_price), subject(line));
        if reason.is_empty() {
            share
        } else {
            format!("{share}, {reason}")
        }
    }
}

fn subject(line: &Line) -> String {
    clean(line.subject.as_deref().unwrap_or_default())
}
