//! The statement of work: integration, KPIs, environment, and what is paid by the hour.

use proposal::{Line, Platform, Section};

use super::{Draft, Writer, heading, paragraph};
use crate::blocks::{Align, Block, Cell, Fact, RowKind, Table};
use crate::text::clean;
use crate::words;

const LEFT: Align = Align::Left;
const RIGHT: Align = Align::Right;

impl Writer<'_> {
    pub(super) fn implementation(&self) -> Draft {
        let mut blocks = vec![heading("Data source integration")];
        blocks.extend(self.integration());
        blocks.push(heading("KPI implementation"));
        blocks.extend(self.kpis());
        blocks.push(heading("Environment setup"));
        blocks.push(self.environment());
        blocks.push(heading("Time and materials"));
        blocks.extend(self.time_and_materials());
        blocks.push(heading("Total implementation"));
        blocks.push(self.implementation_total());
        ("Implementation – Statement of Work", blocks)
    }

    fn integration(&self) -> Vec<Block> {
        let columns = [
            ("Object", LEFT, 34),
            ("Source system", LEFT, 24),
            ("Integration type", LEFT, 28),
            ("Cost", RIGHT, 14),
        ];
        let mut table = Table::new("Objects whose data are integrated at fixed prices", &columns);
        for line in self.lines(Section::DataIntegration) {
            let system = clean(line.source_system.as_deref().unwrap_or("–"));
            table.body(vec![
                self.object(line),
                system.into(),
                words::item(&line.key).into(),
                self.money(line.amount).into(),
            ]);
        }
        let total = self.money(self.details.quote.totals.data_integration);
        table.sum(RowKind::Subtotal, "Subtotal data integration", vec![total]);
        self.or_nothing(
            Section::DataIntegration,
            table,
            "No object is integrated at a fixed price.",
        )
    }

    fn kpis(&self) -> Vec<Block> {
        let columns = [
            ("Code", LEFT, 20),
            ("KPI", LEFT, 40),
            ("Complexity", LEFT, 26),
            ("Cost", RIGHT, 14),
        ];
        let mut table = Table::new("KPIs that are implemented at fixed prices", &columns);
        for line in self.lines(Section::KpiImplementation) {
            let code = line.subject.as_deref().unwrap_or_default();
            let name = self.kpi_name(code);
            table.body(vec![
                clean(code).into(),
                name.into(),
                words::item(&line.key).into(),
                self.money(line.amount).into(),
            ]);
        }
        let total = self.money(self.details.quote.totals.kpi_implementation);
        table.sum(RowKind::Subtotal, "Subtotal KPI implementation", vec![total]);
        self.or_nothing(
            Section::KpiImplementation,
            table,
            "No KPI is implemented at a fixed price.",
        )
    }

    fn environment(&self) -> Block {
        let platform = self
            .details
            .answers
            .environment
            .as_ref()
            .and_then(|environment| environment.platform);
        let Some(platform) = platform else {
            return paragraph("The platform is still to be agreed, so its setup is not in the price yet.");
        };
        let mut facts = vec![
            Fact::new("Platform", words::platform(platform)),
            Fact::new(
                "Setup required",
                if platform == Platform::Existing { "No" } else { "Yes" },
            ),
        ];
        for line in self.lines(Section::Environment) {
            let hours = self.locale.number_range(line.quantity);
            let (rate, amount) = (self.locale.price(line.unit_price), self.money(line.amount));
            facts.push(Fact::new(
                words::item(&line.key),
                format!("{hours} hours at {rate} per hour = {amount}"),
            ));
        }
        facts.push(Fact::new("Access specialist", "Included"));
        facts.push(Fact::new(
            "Subtotal environment",
            self.money(self.details.quote.totals.environment),
        ));
        Block::Facts { facts }
    }

    fn time_and_materials(&self) -> Vec<Block> {
        let columns = [
            ("Item", LEFT, 34),
            ("Estimated hours", RIGHT, 17),
            ("Rate", RIGHT, 19),
            ("Estimated cost", RIGHT, 30),
        ];
        let mut table = Table::new("Work that is paid by the hour, with estimated hours", &columns);
        for line in self.lines(Section::TimeAndMaterials) {
            let code = line.subject.as_deref().unwrap_or_default();
            let system = line
                .source_system
                .as_deref()
                .map(|system| format!(" from {}", clean(system)))
                .unwrap_or_default();
            let item = Cell {
                text: clean(code) + &system,
                detail: words::item(&line.key).to_owned(),
            };
            let (hours, rate) = (
                self.locale.number_range(line.quantity),
                self.locale.price(line.unit_price),
            );
            table.body(vec![
                item,
                hours.into(),
                format!("{rate}/h").into(),
                self.money(line.amount).into(),
            ]);
        }
        let total = self.money(self.details.quote.totals.time_and_materials);
        table.sum(RowKind::Subtotal, "Estimated time and materials", vec![total]);
        self.or_nothing(
            Section::TimeAndMaterials,
            table,
            "No work other than the setup of the environment is paid by the hour.",
        )
    }

    fn implementation_total(&self) -> Block {
        let totals = &self.details.quote.totals;
        let mut table = Table::new(
            "The parts of the implementation and their sum",
            &[("Part", LEFT, 60), ("Cost", RIGHT, 40)],
        );
        let parts = [
            (Section::DataIntegration, totals.data_integration),
            (Section::KpiImplementation, totals.kpi_implementation),
            (Section::Environment, totals.environment),
            (Section::TimeAndMaterials, totals.time_and_materials),
        ];
        for (section, amount) in parts {
            table.body(vec![words::section(section).into(), self.money(amount).into()]);
        }
        table.sum(
            RowKind::Total,
            &format!(
                "Total implementation{} (one-time)",
                self.before("discount.implementation")
            ),
            vec![self.money(totals.implementation)],
        );
        Block::Table(table)
    }

    /// A table when the quote has such lines, else a sentence.
    fn or_nothing(&self, section: Section, table: Table, nothing: &str) -> Vec<Block> {
        let empty = self.lines(section).next().is_none();
        vec![if empty { paragraph(nothing) } else { Block::Table(table) }]
    }

    /// The code of an object with what it is.
    fn object(&self, line: &Line) -> Cell {
        let code = line.subject.as_deref().unwrap_or_default();
        let known = self.details.required.objects.iter().find(|object| object.code == code);
        Cell {
            text: clean(code),
            detail: known.map(|object| clean(&object.description)).unwrap_or_default(),
        }
    }

    fn kpi_name(&self, code: &str) -> String {
        let known = self.details.required.kpis.iter().find(|kpi| kpi.code == code);
        known.map(|kpi| clean(&kpi.name)).unwrap_or_default()
    }
}
