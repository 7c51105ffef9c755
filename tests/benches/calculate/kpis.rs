//! What is asked: KPIs as formulas, and the same in SQL that both DuckDB and PostgreSQL understand.

/// What a KPI's answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// States of rollups, which merge.
    Merged,
    /// Sketches, which merge too, within a bound.
    Approximate,
    /// The facts: there is no exact state that merges.
    Exact,
}

impl Group {
    pub(crate) const ALL: [Self; 3] = [Self::Merged, Self::Approximate, Self::Exact];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Approximate => "approximate",
            Self::Exact => "exact",
        }
    }
}

/// A KPI.
#[derive(Clone, Debug)]
pub(crate) struct Kpi {
    pub(crate) code: String,
    pub(crate) formula: String,
    /// A day and its value, for each day of the range, over `flights`.
    pub(crate) sql: String,
    pub(crate) group: Group,
    /// How far others' answers may be from ours, relatively; `None` where each has its own: which of several facts of one instant comes first is for each to say.
    pub(crate) tolerance: Option<f64>,
}

/// 90 days.
pub(crate) const FROM: &str = "2001-03-01";
pub(crate) const TO: &str = "2001-05-30";

/// Facts that count: as a formula and as SQL. Each of the demo's groupings is needed by one of them, and together they are needed by one.
const CONDITIONS: [(&str, &str); 5] = [
    ("", "true"),
    (" WHERE on_time", "delay < 15"),
    (" WHERE origin = 'ORD'", "origin = 'ORD'"),
    (" WHERE destination = 'LAX'", "destination = 'LAX'"),
    (
        " WHERE NOT on_time AND origin = 'ATL'",
        "delay >= 15 AND origin = 'ATL'",
    ),
];

/// Over the facts of a day: a formula in which `?` stands for a condition, the same in SQL, and how far the answers may be from each other.
type OfDay = (&'static str, &'static str, Option<f64>);

/// Others compute with floats.
const FLOAT: Option<f64> = Some(1e-9);

/// The bounds of sketches: of percentiles, and five standard errors of numbers of different values.
const OF_PERCENTILE: Option<f64> = Some(0.0101);
const OF_DISTINCT: Option<f64> = Some(0.05);

const MERGED: [OfDay; 10] = [
    ("COUNT(Flight?)", "count(*)", FLOAT),
    ("SUM(Flight.delay?)", "sum(delay)", FLOAT),
    ("AVG(Flight.delay?)", "avg(delay)", FLOAT),
    ("MIN(Flight.delay?)", "min(delay)", FLOAT),
    ("MAX(Flight.delay?)", "max(delay)", FLOAT),
    ("FIRST(Flight.delay?)", "(array_agg(delay ORDER BY date))[1]", None),
    ("LAST(Flight.delay?)", "(array_agg(delay ORDER BY date DESC))[1]", None),
    (
        "SUM(Flight.distance?) / COUNT(Flight?)",
        "sum(distance) * 1.0 / count(*)",
        FLOAT,
    ),
    ("ABS(SUM(Flight.delay?)) / 60", "abs(sum(delay)) / 60.0", FLOAT),
    (
        "GREATEST(MAX(Flight.delay?) - MIN(Flight.delay?), 60)",
        "greatest(max(delay) - min(delay), 60)",
        FLOAT,
    ),
];

const EXACT: [OfDay; 8] = [
    (
        "COUNT(DISTINCT Flight.destination?)",
        "count(DISTINCT destination)",
        FLOAT,
    ),
    (
        "MEDIAN(Flight.delay?)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY delay)",
        FLOAT,
    ),
    (
        "PERCENTILE(Flight.delay, 90?)",
        "percentile_disc(0.9) WITHIN GROUP (ORDER BY delay)",
        FLOAT,
    ),
    ("STDDEV(Flight.delay?)", "stddev_samp(delay)", FLOAT),
    ("VARIANCE_POP(Flight.distance?)", "var_pop(distance)", FLOAT),
    (
        "CORRELATION(Flight.delay, Flight.distance?)",
        "corr(delay, distance)",
        FLOAT,
    ),
    (
        "WEIGHTED_AVG(Flight.delay, Flight.distance?)",
        "sum(delay * distance) * 1.0 / sum(distance)",
        FLOAT,
    ),
    (
        "MAX(Flight.distance?) - MEDIAN(Flight.distance?)",
        "max(distance) - percentile_cont(0.5) WITHIN GROUP (ORDER BY distance)",
        FLOAT,
    ),
];

const APPROXIMATE: [OfDay; 3] = [
    (
        "COUNT(DISTINCT Flight.destination?)",
        "count(DISTINCT destination)",
        OF_DISTINCT,
    ),
    (
        "MEDIAN(Flight.delay?)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY delay)",
        OF_PERCENTILE,
    ),
    (
        "PERCENTILE(Flight.delay, 90?)",
        "percentile_disc(0.9) WITHIN GROUP (ORDER BY delay)",
        OF_PERCENTILE,
    ),
];

/// Over other times than the day: a formula, the value of each day in SQL, and the answer over these, `v` of `day`.
type OverDays = (&'static str, &'static str, &'static str);

const OVER_DAYS: [OverDays; 6] = [
    (
        "PREVIOUS(SUM(Flight.distance?))",
        "sum(distance)",
        "max(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '1 day' PRECEDING)",
    ),
    (
        "COUNT(Flight?) / PREVIOUS(COUNT(Flight?), 7)",
        "count(*)",
        "v * 1.0 / max(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL '7 days' PRECEDING AND INTERVAL '7 days' PRECEDING)",
    ),
    (
        "ROLLING(SUM(Flight.distance?), 7)",
        "sum(distance)",
        "sum(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW)",
    ),
    (
        "ROLLING(MAX(Flight.delay?), 28)",
        "max(delay)",
        "max(v) OVER (ORDER BY day RANGE BETWEEN INTERVAL '27 days' PRECEDING AND CURRENT ROW)",
    ),
    (
        "TO_DATE(SUM(Flight.delay?), MONTH)",
        "sum(delay)",
        "sum(v) OVER (PARTITION BY date_trunc('month', day) ORDER BY day)",
    ),
    ("CUMULATIVE(COUNT(Flight?))", "count(*)", "sum(v) OVER (ORDER BY day)"),
];

/// All KPIs.
pub(crate) fn all() -> Vec<Kpi> {
    let mut kpis = Vec::new();
    for (condition, sql_condition) in CONDITIONS {
        for (group, kinds) in [
            (Group::Merged, &MERGED[..]),
            (Group::Approximate, &APPROXIMATE[..]),
            (Group::Exact, &EXACT[..]),
        ] {
            for (formula, value, tolerance) in kinds {
                let sql = format!(
                    "SELECT date_trunc('day', date) AS day, {value} AS value FROM flights
                     WHERE date >= '{FROM}' AND date < '{TO}' AND {sql_condition} GROUP BY 1"
                );
                kpis.push((group, formula.replace('?', condition), sql, *tolerance));
            }
        }
        for (formula, value, over) in OVER_DAYS {
            let sql = format!(
                "SELECT day, value FROM (
                    SELECT day, {over} AS value FROM (
                        SELECT date_trunc('day', date) AS day, {value} AS v FROM flights WHERE date < '{TO}' AND {sql_condition} GROUP BY 1
                    ) AS days
                 ) AS all_days WHERE day >= '{FROM}'"
            );
            kpis.push((Group::Merged, formula.replace('?', condition), sql, FLOAT));
        }
    }
    let kpi = |(number, (group, formula, sql, tolerance))| Kpi {
        code: format!("KPI_{number}"),
        formula,
        sql,
        group,
        tolerance,
    };
    kpis.into_iter().enumerate().map(kpi).collect()
}
