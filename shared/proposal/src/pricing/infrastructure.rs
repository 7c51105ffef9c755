//! Infrastructure: first the sizes that the load asks for, then what they cost a month.

use rust_decimal::Decimal;

use crate::answers::{Answers, Granularity, Infrastructure, Refresh, Retention};
use crate::price_book::PriceBook;
use crate::quote::{Line, Range, Section};
use crate::retention::{Effective, Kept};

/// Days of a month of traffic.
const MONTH_DAYS: u32 = 30;

/// What runs and what is stored. What can't be known yet is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sizes {
    gateways: Option<Decimal>,
    business: Option<Decimal>,
    backend: Option<Decimal>,
    hot_gb: Option<Decimal>,
    cold_gb: Option<Decimal>,
    transfer_gb: Option<Decimal>,
}

pub(super) fn lines(book: &PriceBook, answers: &Answers, kpis: usize, kept: Option<&Effective>) -> Vec<Line> {
    let Some(load) = &answers.infrastructure else {
        return Vec::new();
    };
    let mut sizes = compute(book, load, kpis);
    if let (Some(daily), Some(retention), Some(kept)) = (load.daily_volume_gb, &answers.retention, kept) {
        (sizes.hot_gb, sizes.cold_gb) = storage(book, daily, retention, kept);
    }
    sizes.transfer_gb = load.monthly_transfer_gb.or_else(|| transfer(book, load));
    priced(book, &sizes)
}

/// Lines of sizes, a month each.
fn priced(book: &PriceBook, sizes: &Sizes) -> Vec<Line> {
    // The cache is one instance at any size.
    let cache = Some(Decimal::ONE);
    let rows = [
        ("compute.gateway", sizes.gateways, "instance", &book.compute.gateway),
        ("compute.business", sizes.business, "instance", &book.compute.business),
        ("compute.backend", sizes.backend, "instance", &book.compute.backend),
        ("storage.hot", sizes.hot_gb, "GB", &book.storage.hot),
        ("storage.cold", sizes.cold_gb, "GB", &book.storage.cold),
        ("storage.cache", cache, "instance", &book.storage.cache),
        ("network.transfer", sizes.transfer_gb, "GB", &book.network.transfer),
    ];
    let line = |(key, size, unit, price): (_, Option<Decimal>, _, &crate::price_book::Price)| {
        let quantity = Range::exactly(size?.normalize());
        Some(Line::new(Section::Infrastructure, key, quantity, unit, price.price))
    };
    rows.into_iter().filter_map(line).collect()
}

/// Replicas for the users, the KPIs and the volume, but never less than the least.
fn compute(book: &PriceBook, load: &Infrastructure, kpis: usize) -> Sizes {
    let sizing = &book.sizing;
    let (least, services) = (sizing.least_replicas.value, sizing.services_per_tier.value);
    let users = load.concurrent_users.map(Decimal::from);
    let users_per_replica = load.refresh_period.map(|period| match period {
        Refresh::Minute => sizing.users_per_replica_minute.value,
        Refresh::Hour => sizing.users_per_replica_hour.value,
        Refresh::Day => sizing.users_per_replica_day.value,
    });
    let replicas = |load: Decimal, per_replica: Decimal| (load / per_replica).ceil().max(least);
    let for_kpis = replicas(Decimal::from(kpis), sizing.kpis_per_replica.value);
    let business = users
        .zip(users_per_replica)
        .map(|(users, each)| replicas(users, each).max(for_kpis));
    let backend = load
        .daily_volume_gb
        .map(|daily| replicas(daily, sizing.gb_per_day_per_replica.value));
    Sizes {
        gateways: users.map(|users| replicas(users, sizing.users_per_replica_minute.value)),
        business: business.map(|replicas| replicas * services),
        backend: backend.map(|replicas| replicas * services),
        ..Sizes::default()
    }
}

/// GB in the active database and in the archive once both are full.
fn storage(
    book: &PriceBook,
    daily: Decimal,
    retention: &Retention,
    kept: &Effective,
) -> (Option<Decimal>, Option<Decimal>) {
    let analytics = daily * analytics_share(book, retention);
    let hot = |kept: Kept, daily: Decimal| kept.active_days.map(|days| daily * Decimal::from(days));
    let cold = |kept: Kept, daily: Decimal| daily * Decimal::from(kept.archive_days);
    let hot_gb = hot(kept.source, daily).zip(hot(kept.analytics, analytics));
    (
        hot_gb.map(|(source, analytics)| source + analytics),
        Some(cold(kept.source, daily) + cold(kept.analytics, analytics)),
    )
}

/// Computed values that are kept, as a share of the source data.
fn analytics_share(book: &PriceBook, retention: &Retention) -> Decimal {
    let sizing = &book.sizing;
    let share = |level: &Granularity| match level {
        Granularity::Raw => sizing.analytics_share_raw.value,
        Granularity::Minute => sizing.analytics_share_minute.value,
        Granularity::Hour => sizing.analytics_share_hour.value,
        Granularity::Day => sizing.analytics_share_day.value,
        Granularity::Month => sizing.analytics_share_month.value,
    };
    retention.granularity.iter().map(share).sum()
}

/// GB a month: what comes in, and what goes out to users.
fn transfer(book: &PriceBook, load: &Infrastructure) -> Option<Decimal> {
    let per_user = match load.refresh_period? {
        Refresh::Minute => book.sizing.transfer_gb_per_user_minute.value,
        Refresh::Hour => book.sizing.transfer_gb_per_user_hour.value,
        Refresh::Day => book.sizing.transfer_gb_per_user_day.value,
    };
    let users = Decimal::from(load.concurrent_users?);
    Some(load.daily_volume_gb? * Decimal::from(MONTH_DAYS) + users * per_user)
}

#[cfg(test)]
mod tests;
