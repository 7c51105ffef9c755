//! What the engine runs on, and what that is estimated from.

use proposal::{Archive, Line, Range, Regulation, Retention, Section};
use rust_decimal::Decimal;

use super::summary::listed;
use super::{Draft, Writer, heading, note, paragraph};
use crate::blocks::{Align, Block, Fact, RowKind, Table};
use crate::text::clean;
use crate::words;

/// Groups of lines, by the beginning of their keys.
const GROUPS: [(&str, &str); 3] = [
    ("compute.", "Compute"),
    ("storage.", "Storage"),
    ("network.", "Network"),
];

impl Writer<'_> {
    pub(super) fn infrastructure(&self) -> Draft {
        const TITLE: &str = "Infrastructure costs (annual)";
        let basis = self.sizing();
        let mut blocks = Vec::new();
        if self.lines(Section::Infrastructure).next().is_none() {
            blocks.push(note(
                "The expected load is still to be given, so infrastructure is not in the price yet.",
            ));
            return (TITLE, blocks);
        }
        blocks.push(paragraph(
            "Infrastructure is estimated from the load and the retention below. It is paid monthly, as used.",
        ));
        blocks.push(Block::Table(self.monthly()));
        if !basis.is_empty() {
            blocks.push(heading("Basis of the estimate"));
            blocks.push(Block::Facts { facts: basis });
        }
        blocks.extend(self.adjustments());
        (TITLE, blocks)
    }

    fn monthly(&self) -> Table {
        let right = Align::Right;
        let columns = [
            ("Item", Align::Left, 30),
            ("Quantity", right, 22),
            ("Unit price", right, 16),
            ("Per month", right, 16),
            ("Per year", right, 18),
        ];
        let mut table = Table::new(
            "Compute, storage and network with their monthly and yearly costs",
            &columns,
        );
        let both = |month: Range, year: Range| vec![self.money(month), self.money(year)];
        for (start, name) in GROUPS {
            let group: Vec<&Line> = self
                .lines(Section::Infrastructure)
                .filter(|line| line.key.starts_with(start))
                .collect();
            if group.is_empty() {
                continue;
            }
            table.group(name);
            for line in &group {
                let single = line.quantity == Range::exactly(Decimal::ONE) && line.unit == "instance";
                let unit = if single { &line.unit } else { words::unit(&line.unit) };
                let quantity = format!("{} {unit}", self.locale.number_range(line.quantity));
                let mut cells = vec![
                    words::item(&line.key).into(),
                    quantity.into(),
                    self.locale.price(line.unit_price).into(),
                ];
                cells.extend(both(line.amount, line.per_year()).into_iter().map(Into::into));
                table.body(cells);
            }
            let month = group.iter().map(|line| line.amount).sum();
            let year = group.iter().map(|line| line.per_year()).sum();
            table.sum(
                RowKind::Subtotal,
                &format!("Subtotal {}", name.to_lowercase()),
                both(month, year),
            );
        }
        let totals = &self.details.quote.totals;
        let total = vec![
            self.money(totals.infrastructure_per_month),
            self.money(totals.infrastructure_per_year),
        ];
        table.sum(
            RowKind::Total,
            &format!("Total infrastructure{}", self.before("")),
            total,
        );
        table
    }

    fn sizing(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(load) = &self.details.answers.infrastructure {
            let daily = load
                .daily_volume_gb
                .map(|volume| format!("{} GB a day", self.locale.number(volume)));
            facts.extend(daily.map(|daily| Fact::new("Source data", daily)));
            let users = load.concurrent_users.map(|users| self.locale.number(users.into()));
            facts.extend(users.map(|users| Fact::new("Concurrent users", users)));
            let refresh = load.refresh_period.map(words::refresh);
            facts.extend(refresh.map(|refresh| Fact::new("Dashboards refresh", refresh)));
        }
        if let Some(retention) = &self.details.answers.retention {
            facts.extend(self.retention(retention));
        }
        facts
    }

    fn retention(&self, retention: &Retention) -> Vec<Fact> {
        let active = |active, custom| {
            let days = words::active_days(active, custom)?;
            Some(self.locale.number(days.into()) + if days == 1 { " day" } else { " days" })
        };
        let kept = |pointer: &str, active: Option<String>, archived: bool, chosen: Option<Archive>| {
            let active = active.map(|days| format!("{days} in the active database, "));
            // What is counted with: the adjusted time, when a regulation asks for a longer one.
            let adjusted = self
                .details
                .quote
                .adjustments
                .iter()
                .find(|change| change.pointer == pointer);
            let chosen: Option<&str> = if archived {
                chosen.map(Archive::name)
            } else {
                Some("delete")
            };
            let archive = match adjusted.map(|change| change.to.as_str()).or(chosen) {
                Some("delete") | None => "then deleted".to_owned(),
                Some("indefinitely") => "then archived without limit".to_owned(),
                Some(time) => format!("then archived for {}", words::archive(time)),
            };
            active.unwrap_or_default() + &archive
        };
        let source = active(retention.source_active, retention.source_active_days);
        let values = active(retention.analytics_active, retention.analytics_active_days);
        let mut facts = vec![
            Fact::new(
                "Source data kept",
                kept(
                    "/source_archive_for",
                    source,
                    retention.source_archive,
                    retention.source_archive_for,
                ),
            ),
            Fact::new(
                "Computed values kept",
                kept(
                    "/analytics_archive_for",
                    values,
                    retention.analytics_archive,
                    retention.analytics_archive_for,
                ),
            ),
        ];
        let levels: Vec<String> = retention
            .granularity
            .iter()
            .map(|level| words::granularity(*level).to_owned())
            .collect();
        facts.push(Fact::new("Detail kept", listed(&levels)));
        let industry = retention.industry_regulation.as_deref().map(clean);
        let regulations = retention
            .compliance
            .iter()
            .map(|regulation| match (regulation, &industry) {
                (Regulation::Industry, Some(name)) => name.clone(),
                _ => words::regulation(*regulation).to_owned(),
            });
        let regulations: Vec<String> = regulations.collect();
        if !regulations.is_empty() {
            facts.push(Fact::new("Regulations", listed(&regulations)));
        }
        facts
    }

    /// Times that regulations lengthened.
    fn adjustments(&self) -> Vec<Block> {
        let adjustments = self.details.quote.adjustments.iter();
        let text = |change: &proposal::Adjustment| {
            let what = if change.pointer == "/source_archive_for" {
                "source data"
            } else {
                "computed values"
            };
            let (from, to) = (words::archive(&change.from), words::archive(&change.to));
            format!(
                "The archive of {what} is priced for {to} (answered: {from}): {}.",
                clean(&change.reason)
            )
        };
        adjustments.map(|change| note(text(change))).collect()
    }
}
