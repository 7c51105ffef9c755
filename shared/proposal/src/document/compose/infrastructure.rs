//! What the engine runs on, and what that is estimated from.

use rust_decimal::Decimal;

use super::summary::listed;
use super::{Draft, Writer, heading, note, paragraph, times};
use crate::answers::{Regulation, Retention};
use crate::document::blocks::{Align, Block, Fact, RowKind, Table};
use crate::document::text::clean;
use crate::document::words;
use crate::quote::{Line, Range, Section};

const YEAR_MONTHS: u32 = 12;

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
            "Infrastructure is estimated from the load and the retention below. It is paid as it is used, every month.",
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
            "Compute, storage and network with their costs a month and a year",
            &columns,
        );
        let both = |amount: Range| vec![self.money(amount), self.money(times(amount, YEAR_MONTHS))];
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
                let unit = if single { line.unit } else { words::unit(line.unit) };
                let quantity = format!("{} {unit}", self.locale.number_range(line.quantity));
                let mut cells = vec![
                    words::item(line.key).into(),
                    quantity.into(),
                    self.locale.price(line.unit_price).into(),
                ];
                cells.extend(both(line.amount).into_iter().map(Into::into));
                table.body(cells);
            }
            let sum = group.iter().map(|line| line.amount).sum();
            table.sum(
                RowKind::Subtotal,
                &format!("Subtotal {}", name.to_lowercase()),
                both(sum),
            );
        }
        let totals = &self.details.quote.totals;
        let total = vec![
            self.money(totals.infrastructure_per_month),
            self.money(totals.infrastructure_per_year),
        ];
        table.sum(RowKind::Total, "Total infrastructure", total);
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
        let kept = |pointer: &str, active: Option<String>, archived: bool, chosen| {
            let active = active.map(|days| format!("{days} in the active database, "));
            // What is counted with: the adjusted time, when a regulation asks for a longer one.
            let adjusted = self
                .details
                .quote
                .adjustments
                .iter()
                .find(|change| change.pointer == pointer);
            let chosen: Option<String> = if archived {
                name(chosen)
            } else {
                Some("delete".to_owned())
            };
            let archive = adjusted.map(|change| change.to.clone()).or(chosen);
            let archive = match archive.as_deref() {
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
        let text = |change: &crate::Adjustment| {
            let what = if change.pointer == "/source_archive_for" {
                "source data"
            } else {
                "computed values"
            };
            let (from, to) = (words::archive(&change.from), words::archive(&change.to));
            format!(
                "The archive of {what} is counted with {to} (answered: {from}): {}.",
                clean(&change.reason)
            )
        };
        adjustments.map(|change| note(text(change))).collect()
    }
}

/// The name of a time in the archive, as answers have it.
fn name(archive: Option<crate::Archive>) -> Option<String> {
    let value = serde_json::to_value(archive?).ok()?;
    value.as_str().map(str::to_owned)
}
