//! Query strings of the two routes, parsed into what is asked.

use std::collections::BTreeSet;

use api::numbers::NumberForm;
use catalog::{Mode, Period, UnknownZone, Zone};
use jiff::Timestamp;
use platform::Problem;
use platform::query::{Filters, Pairs};
use series::plan::{MAX_FILTER_VALUES, MAX_FILTERS};

use crate::period;

/// What `/value` asks.
#[derive(Debug)]
pub(crate) struct ValueQuery {
    pub(crate) period: Period,
    /// The zone in which buckets begin, where it is not the client's.
    pub(crate) zone: Option<Zone>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) filter: Filters,
    pub(crate) numbers: NumberForm,
    /// Whether values are held against the KPI's target and thresholds.
    pub(crate) status: bool,
    /// How percentiles and numbers of different values are answered, where it is not as the KPI says.
    pub(crate) mode: Option<Mode>,
}

/// What `/series` asks.
#[derive(Debug)]
pub(crate) struct SeriesQuery {
    pub(crate) period: Period,
    /// The zone in which buckets begin, where it is not the client's.
    pub(crate) zone: Option<Zone>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) filter: Filters,
    pub(crate) by: Vec<String>,
    /// Whether buckets in which no fact counts have a point too.
    pub(crate) fill_gaps: bool,
    pub(crate) numbers: NumberForm,
    /// Whether values are held against the KPI's target and thresholds.
    pub(crate) status: bool,
    /// How percentiles and numbers of different values are answered, where it is not as the KPI says.
    pub(crate) mode: Option<Mode>,
}

pub(crate) fn value(pairs: &[(String, String)]) -> Result<ValueQuery, Problem> {
    let mut pairs = Pairs::new(pairs, MAX_FILTERS, MAX_FILTER_VALUES)?;
    Ok(ValueQuery {
        period: period(pairs.required("period")?)?,
        zone: zone(pairs.take("time_zone"))?,
        at: pairs.time("at")?,
        numbers: numbers(pairs.take("numbers"))?,
        status: is_said(&mut pairs, "status", "true")?,
        mode: mode(pairs.take("mode"))?,
        filter: pairs.finish()?,
    })
}

pub(crate) fn series(pairs: &[(String, String)]) -> Result<SeriesQuery, Problem> {
    let mut pairs = Pairs::new(pairs, MAX_FILTERS, MAX_FILTER_VALUES)?;
    let period = period(pairs.required("period")?)?;
    let (from, to) = pairs.range()?;
    let by: Vec<String> = pairs
        .take("by")
        .map(|list| list.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    if by.len() > MAX_FILTERS || by.iter().collect::<BTreeSet<_>>().len() < by.len() {
        return Err(Problem::invalid(format!(
            "`by` takes up to {MAX_FILTERS} different dimensions"
        )));
    }
    Ok(SeriesQuery {
        period,
        zone: zone(pairs.take("time_zone"))?,
        from,
        to,
        by,
        fill_gaps: is_said(&mut pairs, "gaps", "fill")?,
        numbers: numbers(pairs.take("numbers"))?,
        status: is_said(&mut pairs, "status", "true")?,
        mode: mode(pairs.take("mode"))?,
        filter: pairs.finish()?,
    })
}

fn zone(name: Option<&str>) -> Result<Option<Zone>, Problem> {
    let read = name.map(str::parse).transpose();
    read.map_err(|unknown: UnknownZone| {
        let problem = Problem::invalid(format!("`time_zone` is {:?}, which is no IANA time zone", unknown.0));
        problem.hint(unknown.hint())
    })
}

/// Whether a parameter is there, which has one value only.
fn is_said(pairs: &mut Pairs<'_>, name: &str, only: &str) -> Result<bool, Problem> {
    match pairs.take(name) {
        None => Ok(false),
        Some(value) if value == only => Ok(true),
        Some(other) => Err(Problem::malformed(format!("`{name}` is {other:?}"))
            .hint(format!("write {name}={only}, or leave the parameter out"))),
    }
}

fn mode(value: Option<&str>) -> Result<Option<Mode>, Problem> {
    match value {
        None => Ok(None),
        Some("exact") => Ok(Some(Mode::Exact)),
        Some("approximate") => Ok(Some(Mode::Approximate)),
        Some(other) => Err(
            Problem::malformed(format!("`mode` is {other:?}, which is neither exact nor approximate"))
                .hint("leave it out to be answered as the KPI says"),
        ),
    }
}

fn numbers(value: Option<&str>) -> Result<NumberForm, Problem> {
    let Some(name) = value else {
        return Ok(NumberForm::default());
    };
    NumberForm::named(name)
        .ok_or_else(|| Problem::malformed(format!("`numbers` is {name:?}, which is neither shortest nor text")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_series_query_is_read() {
        let query = series(&pairs(
            "period=day&from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z&by=origin&filter[origin]=ORD,LAX",
        ))
        .unwrap();
        assert_eq!(query.by, ["origin"]);
        assert_eq!(
            query.filter["origin"],
            BTreeSet::from(["LAX".to_owned(), "ORD".to_owned()])
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let range = "from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z";
        let cases = [
            (range.to_owned(), "period"),
            (format!("period=weeks&{range}"), "weeks"),
            (
                "period=day&from=yesterday&to=2001-02-01T00:00:00Z".to_owned(),
                "yesterday",
            ),
            (
                "period=day&from=2001-02-01T00:00:00Z&to=2001-01-01T00:00:00Z".to_owned(),
                "before",
            ),
            (format!("period=day&{range}&orign=ORD"), "orign"),
            (format!("period=day&{range}&numbers=float"), "float"),
            (
                "period=day&from=2001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z".to_owned(),
                "outside the times",
            ),
            (
                "period=day&from=2001-01-01T00:00:00Z&to=9999-12-31".to_owned(),
                "not an RFC 3339 time",
            ),
            (format!("period=day&{range}&by=a,a"), "different"),
            (format!("period=day&{range}&gaps=zero"), "gaps"),
            (format!("period=day&{range}&status=yes"), "status"),
            (format!("period=day&{range}&mode=fast"), "fast"),
            (format!("period=day&{range}&time_zone=Berlin"), "time_zone"),
            (format!("period=day&{range}&time_zone=%2B05:30"), "time_zone"),
        ];
        for (text, named) in cases {
            let problem = series(&pairs(&text)).unwrap_err();
            assert!(problem.detail.contains(named), "{text}: {}", problem.detail);
        }
    }
}
