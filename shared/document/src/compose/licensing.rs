//! Licences of value chains.

use std::collections::BTreeSet;

use proposal::Section;

use super::summary::listed;
use super::{Draft, Writer, note, paragraph};
use crate::blocks::{Align, Block, Cell, Fact, RowKind, Table};
use crate::text::clean;
use crate::words;

const INCLUDED: [&str; 3] = [
    "Unlimited KPIs within the licensed value chains",
    "Access to the platform, and its updates",
    "Support during standard business hours",
];

impl Writer<'_> {
    pub(super) fn licensing(&self) -> Draft {
        let mut blocks = Vec::new();
        let Some(years) = self.term_years() else {
            blocks.push(note(
                "The term of the license is still to be agreed, so licenses are not in the price yet.",
            ));
            return ("Licensing", blocks);
        };
        let totals = &self.details.quote.totals;
        let chains = self.chains();
        let price = self.lines(Section::Licensing).next().map(|line| line.unit_price);
        let mut facts = vec![
            Fact::new("Value chains", format!("{} ({})", listed(&chains), chains.len())),
            Fact::new("License term", self.locale.count(usize::from(years), "year", "years")),
        ];
        facts.extend(price.map(|price| {
            Fact::new(
                "Price",
                format!("{} per value chain and year", self.locale.price(price)),
            )
        }));
        blocks.push(Block::Facts { facts });
        let term = format!("{years}-year total");
        let mut columns = vec![
            ("Value chain", Align::Left, 40),
            ("License", Align::Left, 26),
            ("Per year", Align::Right, 18),
        ];
        if years > 1 {
            columns.push((&term, Align::Right, 18));
        }
        let mut table = Table::new("Licenses of value chains with their prices", &columns);
        let amounts = |per_year, whole| {
            let mut amounts = vec![self.money(per_year)];
            if years > 1 {
                amounts.push(self.money(whole));
            }
            amounts
        };
        for line in self.lines(Section::Licensing) {
            let name = clean(line.subject.as_deref().unwrap_or_default());
            let mut cells: Vec<Cell> = vec![name.into(), words::item(&line.key).into()];
            let whole = super::times(line.amount, years.into());
            cells.extend(amounts(line.amount, whole).into_iter().map(Cell::from));
            table.body(cells);
        }
        let whole = totals.licensing_term.unwrap_or_default();
        table.sum(
            RowKind::Total,
            &format!("Total licensing{}", self.before("discount.licensing")),
            amounts(totals.licensing_per_year, whole),
        );
        blocks.push(Block::Table(table));
        blocks.push(paragraph("The license includes:"));
        blocks.push(Block::List {
            ordered: false,
            items: INCLUDED.map(str::to_owned).to_vec(),
        });
        ("Licensing", blocks)
    }

    /// Names of the licensed value chains; of those that the KPIs need, while no term is known.
    pub(super) fn chains(&self) -> Vec<String> {
        let licensed: BTreeSet<&str> = self
            .lines(Section::Licensing)
            .filter_map(|line| line.subject.as_deref())
            .collect();
        if licensed.is_empty() {
            self.details
                .required
                .value_chains
                .iter()
                .map(|chain| clean(&chain.name))
                .collect()
        } else {
            licensed.into_iter().map(clean).collect()
        }
    }

    /// Years of the licence.
    pub(super) fn term_years(&self) -> Option<u8> {
        let licensing = self.details.answers.licensing.as_ref()?;
        licensing.term.map(|term| term.years())
    }
}
