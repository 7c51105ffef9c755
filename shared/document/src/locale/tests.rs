use jiff::civil::date;
use proposal::Range;
use rust_decimal::Decimal;

use super::Locale;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn locale(decimals: u32) -> Locale {
    Locale {
        symbol: "$".to_owned(),
        decimals,
    }
}

#[test]
fn amounts_have_separators_and_all_the_same_decimals() {
    let table = [
        ("0", "$0", "$0.00"),
        ("7", "$7", "$7.00"),
        ("999", "$999", "$999.00"),
        ("1000", "$1,000", "$1,000.00"),
        ("32500.00", "$32,500", "$32,500.00"),
        ("1234567.50", "$1,234,568", "$1,234,567.50"),
        ("-2500", "−$2,500", "−$2,500.00"),
        ("-0", "$0", "$0.00"),
    ];
    for (amount, whole, cents) in table {
        // A document without cents has no amount with cents, so the rounding of the seventh is never seen.
        assert_eq!(locale(0).money(decimal(amount)), whole);
        assert_eq!(locale(2).money(decimal(amount)), cents);
    }
}

#[test]
fn ranges_show_both_ends_or_one() {
    let range = |min: &str, max: &str| Range {
        min: decimal(min),
        max: decimal(max),
    };
    assert_eq!(locale(0).money_range(range("7000", "14000")), "$7,000 – $14,000");
    assert_eq!(locale(0).money_range(range("10500", "10500.00")), "$10,500");
    assert_eq!(locale(2).number_range(range("40", "60.50")), "40 – 60.5");
    assert_eq!(
        locale(2).number_range(range("0.000125", "13555.5525")),
        "0.000125 – 13,555.55"
    );
}

#[test]
fn prices_of_units_have_their_own_decimals() {
    for (price, expected) in [
        ("175", "$175"),
        ("0.10", "$0.10"),
        ("0.1", "$0.10"),
        ("0.125", "$0.125"),
        ("5000.00", "$5,000"),
    ] {
        assert_eq!(locale(0).price(decimal(price)), expected);
    }
}

#[test]
fn days_are_written_out() {
    let locale = locale(0);
    assert_eq!(locale.date(date(2026, 11, 21)), "21 November 2026");
    assert_eq!(locale.days(date(2026, 11, 21), date(2026, 12, 1)), "21 Nov – 1 Dec");
    assert_eq!(locale.days(date(2026, 1, 2), date(2026, 1, 2)), "2 Jan");
    assert_eq!(locale.month(date(2027, 5, 31)), "May 2027");
    assert_eq!(locale.count(1, "KPI", "KPIs"), "1 KPI");
    assert_eq!(locale.count(1_200, "KPI", "KPIs"), "1,200 KPIs");
}

/// Yen have no minor units; other currencies show theirs in every amount, or in none.
#[test]
fn amounts_have_the_minor_units_of_their_currency() {
    let answers = serde_json::json!({
        "kpi_selection": { "kpis": [] },
        "environment": { "platform": "aws", "cloud_architect_hours": 60 }
    });
    let answers = serde_json::from_value(answers).unwrap();
    let table = [
        (None, "$10,500"),
        (Some(("EUR", "0.92")), "€9,660"),
        (Some(("EUR", "0.923451")), "€9,696.24"),
        (Some(("GBP", "0.787654")), "£8,270.37"),
        (Some(("JPY", "151.255")), "¥1,588,178"),
        (Some(("CHF", "0.87655")), "CHF\u{a0}9,203.78"),
    ];
    for (exchange, expected) in table {
        let exchange = exchange.map(|(currency, rate)| serde_json::json!({ "currency": currency, "rate": rate }));
        let terms = serde_json::from_value(serde_json::json!({ "exchange": exchange })).unwrap();
        let book = proposal::PriceBook::newest().unwrap();
        let quote = proposal::quote(book, &answers, &terms, &proposal::RequiredObjects::default());
        assert_eq!(Locale::of(&quote).money_range(quote.totals.environment), expected);
    }
}

#[test]
fn shares_are_percentages() {
    for (share, expected) in [("-0.075", "7.5%"), ("0.19", "19%"), ("1", "100%"), ("0.0225", "2.25%")] {
        assert_eq!(locale(0).percent(decimal(share)), expected);
    }
}
