#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use catalog::SketchKind::{Distinct, Percentiles};
use formula::Arithmetic;
use proptest::prelude::*;

use super::*;

fn sketch<T: AsRef<str>>(kind: SketchKind, values: &[T]) -> Sketch {
    let mut sketch = Sketch::empty(kind);
    for value in values {
        sketch.add(&Seen::of(kind, value.as_ref(), 1).unwrap());
    }
    sketch
}

fn histogram<T: AsRef<str>>(values: &[T]) -> Histogram {
    match sketch(Percentiles, values) {
        Sketch::Percentiles(histogram) => histogram,
        Sketch::Distinct(_) => unreachable!(),
    }
}

/// The numbers that attributes can have, of all sizes and signs, often the same.
fn numbers() -> impl Strategy<Value = String> {
    let any = (-99_999_999_999_999_999_i64..99_999_999_999_999_999, 0_u32..=28)
        .prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).to_string());
    let hostile = proptest::sample::select(vec![
        "0",
        "0.0000000000000000000000000001",
        "-0.0000000000000000000000000001",
        "79228162514264337593543950335",
        "-79228162514264337593543950335",
        "10000000000000000000000000000",
        "1",
        "-1",
        "0.999999999999999999",
        "1.000000000000000001",
        "2",
        "0.5",
    ]);
    prop_oneof![
        any,
        hostile.prop_map(str::to_owned),
        (-20_i64..20).prop_map(|small| small.to_string())
    ]
}

/// Whether a number stands for another one within the bound.
fn is_within(told: &Number, exact: &Number) -> bool {
    let bound = exact.magnitude_times("0.01");
    let difference = told
        .calculate(Arithmetic::Subtract, exact)
        .unwrap()
        .magnitude_times("1");
    difference <= bound
}

trait Magnitude {
    fn magnitude_times(&self, factor: &str) -> Number;
}

impl Magnitude for Number {
    fn magnitude_times(&self, factor: &str) -> Number {
        let magnitude = if *self < Number::from(0) {
            self.negated()
        } else {
            self.clone()
        };
        magnitude
            .calculate(Arithmetic::Multiply, &factor.parse().unwrap())
            .unwrap()
    }
}

fn in_order(values: &[String]) -> Vec<Number> {
    let mut numbers: Vec<Number> = values.iter().map(|value| value.parse().unwrap()).collect();
    numbers.sort();
    numbers
}

proptest! {
    #[test]
    fn every_percentile_is_within_its_bound(values in proptest::collection::vec(numbers(), 1..60), hundredths in 1_u32..10_000) {
        let (histogram, sorted) = (histogram(&values), in_order(&values));
        let rank = (sorted.len() * hundredths as usize).div_ceil(10_000).max(1);
        let (told, exact) = (histogram.percentile(hundredths).unwrap(), &sorted[rank - 1]);
        prop_assert!(is_within(&told, exact), "{told} for {exact}");
    }

    #[test]
    fn a_median_of_one_sign_is_within_its_bound(values in proptest::collection::vec(numbers(), 1..60)) {
        let (histogram, sorted) = (histogram(&values), in_order(&values));
        let (lower, upper) = (&sorted[(sorted.len() - 1) / 2], &sorted[sorted.len() / 2]);
        let zero = Number::from(0);
        prop_assume!((*lower >= zero) == (*upper >= zero));
        let exact = lower.calculate(Arithmetic::Add, upper).unwrap().calculate(Arithmetic::Divide, &Number::from(2)).unwrap();
        let told = histogram.median().unwrap();
        prop_assert!(is_within(&told, &exact), "{told} for {exact}");
    }

    /// However values are split among sketches, and in whatever order and grouping these are merged, the bytes are those of one sketch of all.
    #[test]
    fn merging_in_any_order_gives_the_same_bytes(
        values in proptest::collection::vec((numbers(), 0_usize..7), 0..120), order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle(), pairs in any::<bool>(),
    ) {
        for kind in [Percentiles, Distinct] {
            let all: Vec<&String> = values.iter().map(|(value, _)| value).collect();
            let parts: Vec<Sketch> = order.iter().map(|part| {
                let mine: Vec<&String> = values.iter().filter(|(_, of)| of == part).map(|(value, _)| value).collect();
                Sketch::from_bytes(kind, &sketch(kind, &mine).to_bytes()).unwrap()
            }).collect();
            let mut merged = Sketch::empty(kind);
            if pairs {
                for two in parts.chunks(2) {
                    let mut pair = two[0].clone();
                    two[1..].iter().for_each(|other| pair.merge(other));
                    pair.merge(&merged);
                    merged = pair;
                }
            } else {
                parts.iter().for_each(|part| merged.merge(part));
            }
            prop_assert_eq!(merged.to_bytes(), sketch(kind, &all).to_bytes());
        }
    }

    #[test]
    fn bytes_that_are_none_are_told(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        for kind in [Percentiles, Distinct] {
            if let Some(sketch) = Sketch::from_bytes(kind, &bytes) {
                prop_assert_eq!(Sketch::from_bytes(kind, &sketch.to_bytes()), Some(sketch));
            }
        }
    }
}

/// Where the numbers of a sketch are many and the ends of its bins are met.
#[test]
fn numbers_of_each_bin_are_within_the_bound() {
    let mut worst = 0.0_f64;
    for exponent in -93..96 {
        for place in 0..2_000 {
            let value = f64::powi(2.0, exponent) * (1.0 + f64::from(place) / 2_000.0);
            let told = histogram(&[format!("{value:.60}")]).percentile(5_000).unwrap();
            let told: f64 = told.to_string().parse().unwrap();
            worst = worst.max((told - value).abs() / value);
        }
    }
    println!("worst relative error {:.4} %", worst * 100.0);
    assert!(worst <= RELATIVE_ERROR && worst > 0.008, "{worst}");
}

/// Ids of several forms, and repeated ones: errors lie as far apart as the standard error says.
#[test]
fn numbers_of_different_values_are_as_near_as_is_told() {
    for few in [0_usize, 1, 2, 10, 100, 1_000] {
        let ids: Vec<String> = (0..few).map(|id| format!("C-{id}")).collect();
        let estimate = sketch(Distinct, &ids).value_of_distinct();
        assert!(estimate.abs_diff(few as i64) <= (few / 50) as u64, "{few}: {estimate}");
    }
    let (mut squares, mut worst, mut runs) = (0.0, 0.0_f64, 0);
    for (form, count) in [(0, 5_000), (1, 20_000), (2, 60_000), (3, 60_000)] {
        for run in 0..12_u64 {
            let ids: Vec<String> = (0..count)
                .map(|id: u64| match form {
                    0 => format!("customer {} of {run}", id % 5_000),
                    1 => (run * 1_000_000 + id).to_string(),
                    2 => format!("{run}/{}", id * 4_096),
                    _ => format!("{:b}", (run << 40) + id),
                })
                .collect();
            let different = ids.iter().collect::<BTreeSet<_>>().len() as f64;
            let error = (sketch(Distinct, &ids).value_of_distinct() as f64 - different) / different;
            squares += error * error;
            worst = worst.max(error.abs());
            runs += 1;
        }
    }
    let deviation = (squares / f64::from(runs)).sqrt();
    println!(
        "standard error {:.3} %, worst {:.3} %",
        deviation * 100.0,
        worst * 100.0
    );
    assert!(
        deviation < STANDARD_ERROR * 1.2 && worst < STANDARD_ERROR * 4.0,
        "{deviation} {worst}"
    );
}

impl Sketch {
    fn value_of_distinct(&self) -> i64 {
        match self {
            Sketch::Distinct(registers) => registers.estimate(),
            Sketch::Percentiles(_) => unreachable!(),
        }
    }
}

/// What they take: the bytes that the documentation names.
#[test]
fn bytes_are_few() {
    let ids = |count: u32| (0..count).map(|id| format!("C-{id}")).collect::<Vec<String>>();
    let delays = |count: i64| {
        (0..count)
            .map(|fact| ((fact * 7_919) % 400 - 20).to_string())
            .collect::<Vec<String>>()
    };
    for (name, sketch, most) in [
        ("one value", sketch(Distinct, &ids(1)), 4),
        ("1,000 values", sketch(Distinct, &ids(1_000)), 3_001),
        ("a million values", sketch(Distinct, &ids(1_000_000)), 12_289),
        ("one number", sketch(Percentiles, &delays(1)), 6),
        ("100,000 delays", sketch(Percentiles, &delays(100_000)), 1_200),
    ] {
        let bytes = sketch.to_bytes().len();
        println!("{name}: {bytes} bytes");
        assert!(bytes <= most, "{name}: {bytes}");
        assert_eq!(
            Sketch::from_bytes(sketch.kind(), &sketch.to_bytes()),
            Some(sketch),
            "{name}"
        );
    }
}

/// The bytes are stored: another form needs another version.
#[test]
fn the_form_of_the_bytes_stays() {
    let hex = |sketch: Sketch| -> String { sketch.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect() };
    assert_eq!(hex(sketch(Percentiles, &["-1.5", "0", "3", "3", "3.01"])), PERCENTILES);
    assert_eq!(hex(sketch(Distinct, &["a", "b", "a"])), DISTINCT);
}

const PERCENTILES: &str = "01c6d40301fad40301afd50303";
const DISTINCT: &str = "01881f019d4601";
