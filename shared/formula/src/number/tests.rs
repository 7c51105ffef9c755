#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Number {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_number_is_one_in_json_where_every_reader_sees_it() {
    let cases = [
        ("0", "0"),
        ("-0.00", "0"),
        ("12.50", "12.5"),
        ("-0.125", "-0.125"),
        ("9007199254740992", "9007199254740992"),
        // Floats skip this one; its neighbour is even and thus a float.
        ("9007199254740993", "\"9007199254740993\""),
        ("9007199254740994", "9007199254740994"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("0.30000000000000005", "\"0.30000000000000005\""),
        (
            "0.1000000000000000055511151231257827",
            "\"0.1000000000000000055511151231257827\"",
        ),
        ("9e-11", "9e-11"),
        ("0.000000000000023", "2.3e-14"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1e21", "1000000000000000000000"),
        ("1e80", "1e80"),
        ("1.5e-300", "1.5e-300"),
        ("123456789012345678901234567890", "\"123456789012345678901234567890\""),
    ];
    for (text, json) in cases {
        let number = number(text);
        assert_eq!(number.json(), json, "{text}");
        let written = serde_json::to_string(&number).unwrap();
        let read: Number = written.trim_matches('"').parse().unwrap();
        assert_eq!(read, number, "{text} as {written}");
        assert_eq!(written.starts_with('"'), json.starts_with('"'), "{text} as {written}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "",
        "-",
        ".5",
        "1e",
        "0x1",
        "1_000",
        "NaN",
        "1e301",
        "1e-301",
        "--1",
        "1.2.3",
        &"9".repeat(77),
    ] {
        assert_eq!(text.parse::<Number>(), Err(NoNumber), "{text}");
    }
}

#[test]
fn what_had_to_be_rounded_has_15_digits_and_never_fewer_than_it_has_before_the_point() {
    let cases = [
        ("1", "3", "0.333333333333333"),
        ("2", "3", "0.666666666666667"),
        ("0.000000002", "3", "6.66666666666667e-10"),
        ("1000000", "3", "333333.333333333"),
        ("27021597764222981", "3", "9007199254740994"),
        ("27021597764222978", "3", "9007199254740993"),
        ("1", "8", "0.125"),
        ("0.023", "1000000000000", "2.3e-14"),
        ("0.09", "1000000000", "9e-11"),
        // Exact quotients keep all their digits.
        ("27021597764222979", "3", "9007199254740993"),
        ("1", "1048576", "9.5367431640625e-7"),
        (
            "1",
            "18446744073709551616",
            "5.42101086242752217003726400434970855712890625e-20",
        ),
    ];
    for (left, right, expected) in cases {
        let quotient = number(left).calculate(Arithmetic::Divide, &number(right)).unwrap();
        assert_eq!(quotient.answered().to_string(), expected, "{left} / {right}");
    }
    // Each step has more digits than the answer, so a third three times is one.
    let third = number("1").calculate(Arithmetic::Divide, &number("3")).unwrap();
    assert_eq!(
        third.calculate(Arithmetic::Multiply, &number("3")).unwrap().answered(),
        number("1")
    );
}

#[test]
fn what_is_beyond_the_limits_is_no_number() {
    let large = number("1e200");
    assert_eq!(large.calculate(Arithmetic::Multiply, &large), None);
    assert_eq!(
        number("1e-200").calculate(Arithmetic::Multiply, &number("1e-200")),
        None
    );
    assert_eq!(number("1").calculate(Arithmetic::Divide, &number("0")), None);
    assert_eq!(number("0").calculate(Arithmetic::Divide, &number("0")), None);
    assert_eq!(
        number("0")
            .calculate(Arithmetic::Multiply, &number("-5"))
            .unwrap()
            .json(),
        "0"
    );
    assert_eq!(number("0").negated().json(), "0");
    let cases = [
        ("9999999999999999999999999999", Some("9999999999999999999999999999")),
        ("10000000000000000000000000000", None),
        ("9999999999999999999999999999.5", None),
        ("0.00000000000000000000000000005", Some("0")),
        (
            "0.000000000000000000000000000051",
            Some("0.0000000000000000000000000001"),
        ),
        ("1.00000000000000000000000000050", Some("1")),
        (
            "-1.00000000000000000000000000150",
            Some("-1.000000000000000000000000002"),
        ),
    ];
    for (text, expected) in cases {
        let decimal = number(text).to_decimal().map(|decimal| decimal.normalize().to_string());
        assert_eq!(decimal.as_deref(), expected, "{text}");
    }
}

fn numbers() -> impl Strategy<Value = Number> {
    let digits = prop_oneof!["[1-9][0-9]{0,16}", "[1-9][0-9]{0,75}", "[1-9]0{0,30}"];
    (any::<bool>(), digits, -120_isize..120).prop_map(|(negative, digits, exponent)| {
        let sign = if negative { "-" } else { "" };
        number(&format!("{sign}{digits}e{exponent}"))
    })
}

proptest! {
    #[test]
    fn a_text_reads_back_as_its_number(number in numbers()) {
        prop_assert_eq!(&number.to_string().parse::<Number>().unwrap(), &number);
        let json = serde_json::to_string(&number).unwrap();
        prop_assert_eq!(&json.trim_matches('"').parse::<Number>().unwrap(), &number);
        prop_assert_eq!(&number.json().trim_matches('"').parse::<Number>().unwrap(), &number);
    }

    #[test]
    fn the_shortest_text_of_a_float_is_a_number_in_json(float in proptest::num::f64::NORMAL) {
        if let Some(number) = Number::of_float(float) {
            prop_assert_eq!(number.as_float().map(f64::to_bits), Some((float + 0.0).to_bits()));
            prop_assert_eq!(number.json().parse::<f64>().unwrap().to_bits(), float.to_bits());
        }
    }

    #[test]
    fn sums_and_products_are_exact_or_say_that_they_are_not(a in numbers(), b in numbers()) {
        for operator in [Arithmetic::Add, Arithmetic::Multiply] {
            let (one, other) = (a.calculate(operator, &b), b.calculate(operator, &a));
            prop_assert_eq!(&one, &other);
            let undone = match operator { Arithmetic::Add => Arithmetic::Subtract, _ => Arithmetic::Divide };
            if let Some(result) = one.filter(Number::is_exact) {
                prop_assert_eq!(result.calculate(undone, &b).unwrap().answered(), a.clone());
            }
        }
    }

    #[test]
    fn the_order_is_that_of_the_difference(a in numbers(), b in numbers()) {
        let difference = a.calculate(Arithmetic::Subtract, &b).unwrap();
        prop_assert_eq!(a.cmp(&b), difference.cmp(&Number::from(0)));
    }

    #[test]
    fn an_answer_that_was_rounded_is_a_json_number_or_whole(a in numbers(), b in numbers()) {
        if let Some(quotient) = a.calculate(Arithmetic::Divide, &b) {
            let answered = quotient.answered();
            prop_assert!(quotient.is_exact() || answered.as_float().is_some() || answered.repr.exponent() >= 0);
        }
    }
}

#[test]
fn a_difference_is_rounded_to_76_digits() {
    let long = "74152073030341784283386937576609008174070650931717428340301864914189853374410";
    for (left, operator, right, expected) in [
        (long, Arithmetic::Subtract, "1", long),
        (long, Arithmetic::Add, "-1", long),
        ("1", Arithmetic::Subtract, long, &format!("-{long}")),
        ("1e76", Arithmetic::Subtract, "0.5", "1e76"),
        ("1e300", Arithmetic::Subtract, "1e-300", "1e300"),
    ] {
        let result = number(left).calculate(operator, &number(right)).unwrap();
        assert_eq!(
            (result.is_exact(), &result),
            (false, &number(expected)),
            "{left} {operator} {right}"
        );
    }
}

/// The digits behind the 76th begin with zeros in each of these.
#[test]
fn a_power_that_had_to_be_rounded_says_so() {
    let cases = [
        ("-24691357464214.4907802469135599999999999998", "2", false),
        ("1.00000000000000000000000000000000000000000000000001", "2", false),
        ("1.00000000000000000000000000000000000001", "2", false),
        ("1.0000000000000000000000000000000000001", "2", true),
        ("1.00000000000000000000000000000000000000000000000001", "-1", false),
        ("0.2", "-252", false),
        ("5", "-252", true),
        ("5", "-253", false),
        ("2", "252", true),
        ("2", "253", false),
        ("-2", "-3", true),
        ("-10", "299", true),
        ("3", "-1", false),
    ];
    for (base, exponent, is_exact) in cases {
        let power = number(base).to_the(&number(exponent)).unwrap();
        assert_eq!(power.is_exact(), is_exact, "{base} to the power of {exponent}");
    }
    let tiny = number("1e-60");
    assert!(!tiny.exponential().unwrap().is_exact());
    assert!(number("0").exponential().unwrap().is_exact());
    assert!(number("1").logarithm().unwrap().is_exact());
}

#[test]
fn functions_of_numbers_end_whatever_they_are_given() {
    let power = |base: &str, exponent: &str| number(base).to_the(&number(exponent));
    let cases = [
        ("2", "10", Some("1024")),
        ("-2", "3", Some("-8")),
        ("2", "-2", Some("0.25")),
        ("0", "0", Some("1")),
        ("0", "2.5", Some("0")),
        ("0", "-1", None),
        ("4", "0.5", Some("2")),
        ("4", "1.5", Some("8")),
        ("0.25", "-1.5", Some("8")),
        ("1024", "0.1", Some("2")),
        ("2", "1e-300", Some("1")),
        ("1.5", "123456789012345678901.5", None),
        ("-4", "0.5", None),
        ("1", "1e300", Some("1")),
        ("-1", "1e76", Some("1")),
        ("10", "300", Some("1e300")),
        ("10", "301", None),
        ("0.1", "301", None),
        ("1.5", "1e300", None),
        ("1.5", "-1e300", None),
        ("9e299", "9.9e299", None),
        ("1e-300", "1e-300", Some("1")),
    ];
    for (base, exponent, expected) in cases {
        let told = power(base, exponent).map(|number| number.answered());
        assert_eq!(told, expected.map(number), "{base} to the {exponent}");
    }
    for exponent in ["1e18", "-1e18", "1e19", "1e75", "-1e300"] {
        // Near to one, whatever the power: what matters is that there is an answer or none.
        let near: Number = number("1.000000000000000000000000000000000000000000000000000000000000000001");
        drop(near.to_the(&number(exponent)));
    }
    for (text, exponential, logarithm) in [
        ("0", Some("1"), None),
        ("1", Some("2.71828182845905"), Some("0")),
        (
            "690",
            // Never rounded before the point.
            Some("4.604606404782989622120963349708575184167129216000009757077746915263938376609e299"),
            Some("6.53669159759131"),
        ),
        ("694", None, Some("6.54247196050680")),
        ("-691", None, None),
        ("1e300", None, Some("690.775527898214")),
        ("-1e300", None, None),
        ("1e-300", Some("1"), Some("-690.775527898214")),
    ] {
        let told = |told: Option<Number>| told.map(|number| number.answered());
        assert_eq!(
            told(number(text).exponential()),
            exponential.map(number),
            "e to the {text}"
        );
        assert_eq!(
            told(number(text).logarithm()),
            logarithm.map(number),
            "logarithm of {text}"
        );
    }
}

proptest! {
    #[test]
    fn rounding_keeps_what_is_rounded_already(digits in any::<i64>(), scale in 0_u32..28, places in -28_i64..=28) {
        let number = Number::from(Decimal::from_i128_with_scale(i128::from(digits), scale));
        let rounded = number.rounded(places).unwrap();
        prop_assert_eq!(&rounded.rounded(places).unwrap(), &rounded);
        // Never further away than half of the last place.
        let off = number.calculate(Arithmetic::Subtract, &rounded).unwrap().absolute();
        let half: Number = format!("5e{}", -places - 1).parse().unwrap();
        prop_assert!(off <= half, "{number} to {places} places is {rounded}");
        prop_assert_eq!(number.negated().rounded(places).unwrap(), rounded.negated());
    }

    #[test]
    fn whole_powers_are_products(digits in -1000_i64..1000, scale in 0_u32..4, exponent in 1_u32..8) {
        let base = Number::from(Decimal::new(digits, scale));
        let mut product = Number::from(1);
        for _ in 0..exponent {
            product = product.calculate(Arithmetic::Multiply, &base).unwrap();
        }
        let power = base.to_the(&Number::from(i64::from(exponent))).unwrap();
        prop_assert!(power.is_exact() || exponent == 0);
        prop_assert_eq!(power, product);
    }
}
