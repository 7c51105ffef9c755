//! What answers and items of the price book are called.

use proposal::{Active, Granularity, Period, Platform, Refresh, Regulation, Section};
use schedule::Phase;

/// What an item of the price book is, by its key.
pub(super) fn item(key: &str) -> &str {
    match key {
        "license.one_year" => "One-year license",
        "license.three_years" => "Three-year license",
        "license.five_years" => "Five-year license",
        "integration.batch_conformed" => "Batch – conformed",
        "integration.batch_single_source" => "Batch – non-conformed, single source",
        "integration.batch_multi_source" => "Batch – non-conformed, multiple sources",
        "integration.batch_entity_resolution" => "Batch – entity resolution",
        "integration.streaming_architected" => "Streaming – API, architected",
        "integration.streaming_non_architected" => "Streaming – API, non-architected",
        "kpi.out_of_the_box" => "Out of the box",
        "kpi.custom_basic" => "Custom, basic",
        "kpi.rbac" => "Role-based access",
        "kpi.dynamic_rbac" => "Dynamic role-based access",
        "environment.cloud_architect" => "Cloud architect",
        "compute.gateway" => "API gateway",
        "compute.business" => "Business services",
        "compute.backend" => "Backend services",
        "storage.hot" => "Active database",
        "storage.cold" => "Archived data",
        "storage.cache" => "Messages and caching",
        "network.transfer" => "Data transfer",
        "managed_services.retainer" => "Support retainer",
        "managed_services.hour" => "Additional hours",
        "discount.licensing" => "Discount on licensing",
        "discount.implementation" => "Discount on implementation",
        "discount.managed_services" => "Discount on managed services",
        "tax.once" => "on what is paid once",
        "tax.month" => "on what is paid every month",
        "tax.year" => "on what is paid every year",
        other => other,
    }
}

/// What a unit is called after a number.
pub(super) fn unit(unit: &str) -> &str {
    match unit {
        "instance" => "instances",
        "hour" => "h",
        other => other,
    }
}

/// What a part of a quote is called.
pub(super) fn section(section: Section) -> &'static str {
    match section {
        Section::Licensing => "Licensing",
        Section::DataIntegration => "Data integration",
        Section::KpiImplementation => "KPI implementation",
        Section::Environment => "Environment setup",
        Section::TimeAndMaterials => "Time and materials",
        Section::Infrastructure => "Infrastructure",
        Section::ManagedServices => "Managed services",
        Section::Discount => "Discounts",
        Section::Tax => "Tax",
    }
}

/// How often something is paid.
pub(super) fn period(period: Period) -> &'static str {
    match period {
        Period::Once => "once",
        Period::Month => "every month",
        Period::Year => "every year",
    }
}

/// What a part of a project is called.
pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Environment => "Environment setup",
        Phase::DataIntegration => "Data integration",
        Phase::KpiImplementation => "KPI implementation",
        Phase::Testing => "Testing and acceptance",
        Phase::GoLive => "Go-live",
    }
}

pub(super) fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::OnPremises => "On premises",
        Platform::Azure => "Azure",
        Platform::Aws => "AWS",
        Platform::Gcp => "Google Cloud",
        Platform::Oracle => "Oracle Cloud",
        Platform::Existing => "Existing environment",
    }
}

pub(super) fn refresh(refresh: Refresh) -> &'static str {
    match refresh {
        Refresh::Minute => "every minute",
        Refresh::Hour => "every hour",
        Refresh::Day => "every day",
    }
}

/// Days in the active database; `None` while a custom number is not answered.
pub(super) fn active_days(active: Active, custom: Option<u32>) -> Option<u32> {
    match active {
        Active::Days30 => Some(30),
        Active::Days90 => Some(90),
        Active::Days180 => Some(180),
        Active::Days365 => Some(365),
        Active::Days730 => Some(730),
        Active::Custom => custom,
    }
}

/// A time in the archive by its name, such as adjustments of a quote have it.
pub(super) fn archive(name: &str) -> &str {
    match name {
        "years1" => "1 year",
        "years3" => "3 years",
        "years5" => "5 years",
        "years7" => "7 years",
        "years10" => "10 years",
        "indefinitely" => "an unlimited time",
        "delete" => "no archive",
        other => other,
    }
}

pub(super) fn granularity(level: Granularity) -> &'static str {
    match level {
        Granularity::Raw => "every value",
        Granularity::Minute => "minute",
        Granularity::Hour => "hour",
        Granularity::Day => "day",
        Granularity::Month => "month",
    }
}

pub(super) fn regulation(regulation: Regulation) -> &'static str {
    match regulation {
        Regulation::Gdpr => "GDPR",
        Regulation::Sox => "SOX",
        Regulation::Hipaa => "HIPAA",
        Regulation::Iso27001 => "ISO 27001",
        Regulation::Industry => "industry regulation",
    }
}
