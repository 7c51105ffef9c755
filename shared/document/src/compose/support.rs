//! Managed services.

use proposal::{Line, Section};

use super::{Draft, Writer, note, paragraph};
use crate::blocks::{Align, Block, Cell, RowKind, Table};
use crate::words;

const TITLE: &str = "Managed services (annual)";

impl Writer<'_> {
    pub(super) fn support(&self) -> Draft {
        let retainer = self
            .details
            .answers
            .managed_services
            .as_ref()
            .and_then(|answers| answers.retainer);
        let block = match retainer {
            None => note("Support is still to be agreed, so managed services are not in the price yet."),
            Some(false) => paragraph("No support retainer is part of this proposal."),
            Some(true) => Block::Table(self.support_table()),
        };
        (TITLE, vec![block])
    }

    fn support_table(&self) -> Table {
        let right = Align::Right;
        let columns = [
            ("Item", Align::Left, 37),
            ("Hours a year", right, 15),
            ("Unit price", right, 18),
            ("Per year", right, 30),
        ];
        let mut table = Table::new("Support with its yearly cost", &columns);
        for line in self.lines(Section::ManagedServices) {
            let item = Cell {
                text: words::item(&line.key).to_owned(),
                detail: detail(line).to_owned(),
            };
            let hours = line
                .hours
                .map(|hours| self.locale.number_range(hours))
                .unwrap_or_default();
            let price = self.locale.price(line.unit_price);
            table.body(vec![item, hours.into(), price.into(), self.money(line.amount).into()]);
        }
        let total = self.details.quote.totals.managed_services_per_year;
        let name = format!("Total managed services{}", self.before("discount.managed_services"));
        table.sum(RowKind::Total, &name, vec![self.money(total)]);
        table
    }
}

fn detail(line: &Line) -> &'static str {
    if line.unit == "hour" {
        "Charged by the hour"
    } else {
        "Hours included in the annual price"
    }
}
