//! What is asked, parsed from the query strings of the two routes for one question, and from the body of that for many.

use std::collections::BTreeSet;

use api::ask::{Gaps, KpiQuestion};
use api::numbers::NumberForm;
use catalog::{Mode, Period, UnknownZone, Zone};
use jiff::Timestamp;
use platform::Problem;
use platform::query::{Filters, Pairs, check_size, range};
use series::plan::{MAX_FILTER_VALUES, MAX_FILTERS};

use crate::period;

/// What is asked of a KPI.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) period: Period,
    /// The zone in which buckets begin, where it is not the client's.
    pub(crate) zone: Option<Zone>,
    pub(crate) over: Over,
    pub(crate) filter: Filters,
    pub(crate) numbers: NumberForm,
    /// Whether values are held against the KPI's target and thresholds.
    pub(crate) status: bool,
    /// How percentiles and numbers of different values are answered, where it is not as the KPI says.
    pub(crate) mode: Option<Mode>,
}

/// The buckets that are asked for.
#[derive(Debug)]
pub(crate) enum Over {
    /// The one that an instant is in, which is now if none is named.
    One(Option<Timestamp>),
    /// Those of a range.
    Range {
        from: Timestamp,
        to: Timestamp,
        by: Vec<String>,
        /// Whether buckets in which no fact counts have a point too.
        fill_gaps: bool,
    },
}

/// The question of a query string of `/value`.
pub(crate) fn value(pairs: &[(String, String)]) -> Result<Asked, Problem> {
    let mut pairs = Pairs::new(pairs, MAX_FILTERS, MAX_FILTER_VALUES)?;
    let period = period(pairs.required("period")?)?;
    let over = Over::One(pairs.time("at")?);
    finish(pairs, period, over)
}

/// That of a query string of `/series`.
pub(crate) fn series(pairs: &[(String, String)]) -> Result<Asked, Problem> {
    let mut pairs = Pairs::new(pairs, MAX_FILTERS, MAX_FILTER_VALUES)?;
    let period = period(pairs.required("period")?)?;
    let (from, to) = pairs.range()?;
    let by = pairs.take("by");
    let by = by.map(|list| list.split(',').map(str::to_owned).collect());
    let over = Over::Range {
        from,
        to,
        by: different(by.unwrap_or_default())?,
        fill_gaps: is_said(&mut pairs, "gaps", "fill")?,
    };
    finish(pairs, period, over)
}

/// What both have.
fn finish(mut pairs: Pairs<'_>, period: Period, over: Over) -> Result<Asked, Problem> {
    Ok(Asked {
        period,
        over,
        zone: zone(pairs.take("time_zone"))?,
        numbers: numbers(pairs.take("numbers"))?,
        status: is_said(&mut pairs, "status", "true")?,
        mode: mode(pairs.take("mode"))?,
        filter: pairs.finish()?,
    })
}

/// One of many questions.
pub(crate) fn one_of_many(question: KpiQuestion, numbers: NumberForm) -> Result<Asked, Problem> {
    let over = over(&question)?;
    let filter = question.filter.into_iter();
    let filter = filter.map(|(name, values)| (name, values.into_iter().collect()));
    let filter: Filters = filter.collect();
    check_size(&filter, MAX_FILTERS, MAX_FILTER_VALUES)?;
    Ok(Asked {
        period: question.period,
        zone: zone(question.time_zone.as_deref())?,
        over,
        filter,
        numbers,
        status: question.status,
        mode: question.mode,
    })
}

fn over(question: &KpiQuestion) -> Result<Over, Problem> {
    let (from, to) = match (question.from, question.to) {
        (None, None) if question.by.is_empty() && question.gaps.is_none() => return Ok(Over::One(question.at)),
        (Some(from), Some(to)) if question.at.is_none() => range(from, to)?,
        _ => {
            return Err(Problem::invalid(
                "a question has both `from` and `to`, of a series, which only then may have `by` and `gaps`; or neither, of one value, which only then may have `at`",
            ));
        }
    };
    Ok(Over::Range {
        from,
        to,
        by: different(question.by.clone())?,
        fill_gaps: question.gaps == Some(Gaps::Fill),
    })
}

fn different(by: Vec<String>) -> Result<Vec<String>, Problem> {
    if by.len() > MAX_FILTERS || by.iter().collect::<BTreeSet<_>>().len() < by.len() {
        return Err(Problem::invalid(format!(
            "`by` takes up to {MAX_FILTERS} different dimensions"
        )));
    }
    Ok(by)
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
        assert!(matches!(query.over, Over::Range { by, .. } if by == ["origin"]));
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

    #[test]
    fn one_of_many_is_of_a_value_or_of_a_series() {
        let (from, to) = (r#""from":"2001-01-01T00:00:00Z""#, r#""to":"2001-02-01T00:00:00Z""#);
        let at = r#""at":"2001-01-01T00:00:00Z""#;
        let cases: [(Vec<&str>, Option<bool>); 11] = [
            (vec![], Some(false)),
            (vec![at], Some(false)),
            (vec![from, to], Some(true)),
            (vec![from, to, r#""by":["a"]"#, r#""gaps":"fill""#], Some(true)),
            (vec![from], None),
            (vec![to], None),
            (vec![from, to, at], None),
            (vec![at, r#""by":["a"]"#], None),
            (vec![r#""gaps":"fill""#], None),
            (vec![from, to, r#""by":["a","a"]"#], None),
            (vec![from, r#""to":"2001-01-01T00:00:00Z""#], None),
        ];
        for (fields, is_series) in cases {
            let fields: String = fields.iter().map(|field| format!(",{field}")).collect();
            let question = serde_json::from_str(&format!(r#"{{"kpi":"K","period":"day"{fields}}}"#)).unwrap();
            let asked = one_of_many(question, NumberForm::default());
            let found = asked.ok().map(|asked| matches!(asked.over, Over::Range { .. }));
            assert_eq!(found, is_series, "{fields}");
        }
    }
}
