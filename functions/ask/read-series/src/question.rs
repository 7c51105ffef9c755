//! A question: from what is asked to what is shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use answer::{Asking, Together};
use api::ask::{KpiValue, Series, SeriesPoint};
use catalog::{Catalog, Kpi, Mode};
use jiff::Timestamp;
use platform::Problem;
use records::definitions::ClientCatalog;
use series::plan::{MAX_GROUPED_POINTS, MAX_POINTS};
use series::{Calendar, Point, Range, Request, SeriesKey, filters, gaps};

use crate::goals::Goals;
use crate::query::{Asked, Over};
use crate::shown::{measure, mode_of, step, window};

/// What is asked of a KPI of a client, in its calendar.
pub(crate) struct Question<'d> {
    kpi: Cow<'d, Kpi>,
    calendar: Calendar,
    range: Range,
    asked: Asked,
    now: Timestamp,
}

/// What came of it.
pub(crate) struct Answer<'q> {
    points: BTreeMap<SeriesKey, Point>,
    goals: Option<Goals<'q>>,
    together: Together,
}

impl<'d> Question<'d> {
    pub(crate) fn new(
        definitions: &'d ClientCatalog,
        code: &str,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let kpi = in_mode(kpi(definitions, code)?, asked.mode);
        let calendar = definitions.calendar.asked(asked.zone.as_ref());
        let range = range(&calendar, &asked, now)?;
        Ok(Self {
            kpi,
            calendar,
            range,
            asked,
            now,
        })
    }

    fn request(&self) -> Request<'_> {
        let (by, now) = match &self.asked.over {
            // What is asked of a bucket that has not begun is answered as at its first moment.
            Over::One(_) => (&[][..], self.now.max(self.range.from)),
            Over::Range { by, .. } => (by.as_slice(), self.now),
        };
        Request {
            kpi: &self.kpi,
            period: self.asked.period,
            range: self.range,
            filter: &self.asked.filter,
            by,
            now,
        }
    }

    /// The KPI's request, and those of what its values are to be held against. What can't be answered as it is asked is the caller's to change.
    pub(crate) fn asking(&self, catalog: &Catalog) -> Result<(Asking<'_>, Option<Goals<'_>>), Problem> {
        let request = self.request();
        let goals = Goals::beside(&request, self.asked.status)?;
        let beside = goals.iter().flat_map(|goals| goals.requests()).cloned();
        let requests: Vec<Request<'_>> = std::iter::once(request).chain(beside).collect();
        for request in &requests {
            filters::check(request.kpi, request.filter, catalog)
                .map_err(|wrong| Problem::invalid(wrong.detail).hint(wrong.hint))?;
        }
        let calendar = &self.calendar;
        Ok((Asking { calendar, requests }, goals))
    }

    /// Takes what came of its requests.
    pub(crate) fn answered<'q>(&self, mut together: Together, mut goals: Option<Goals<'q>>) -> Answer<'q> {
        let mut points = std::mem::take(&mut together.points).into_iter();
        let own = points.next().unwrap_or_default();
        if let Some(goals) = &mut goals {
            goals.answered(&self.calendar, points.collect());
        }
        Answer {
            points: own,
            goals,
            together,
        }
    }

    pub(crate) const fn is_of_a_range(&self) -> bool {
        matches!(self.asked.over, Over::Range { .. })
    }

    /// The value of its one bucket.
    pub(crate) fn value(&self, answer: Answer<'_>) -> KpiValue {
        let Answer {
            points,
            goals,
            together,
        } = answer;
        let key = (self.range.from, Vec::new());
        let point = points.get(&key).cloned();
        let point = point.unwrap_or_else(|| series::answer::empty(&self.request()));
        let numbers = self.asked.numbers;
        KpiValue {
            kpi: self.kpi.code().to_owned(),
            name: self.kpi.definition.name.clone(),
            unit: self.kpi.definition.unit.clone(),
            period: self.asked.period,
            time_zone: zone_name(&self.calendar),
            from: self.range.from,
            to: self.range.to,
            goal: goals.map(|goals| goals.held(&key, point.value.as_ref(), numbers)),
            value: numbers.figure(point.value),
            facts: point.facts,
            open: self.range.to > self.now,
            mode: mode_of(&together.told),
            measures: together.told.into_iter().map(measure).collect(),
            plan: together.plan.into_iter().map(step).collect(),
            windows: together.windows.into_iter().map(window).collect(),
        }
    }

    /// The values of its buckets, which are at most so many.
    pub(crate) fn series(&self, answer: Answer<'_>, most: usize) -> Result<Series, Problem> {
        let Answer {
            mut points,
            goals,
            together,
        } = answer;
        let request = self.request();
        let numbers = self.asked.numbers;
        if matches!(self.asked.over, Over::Range { fill_gaps: true, .. }) {
            let filled = gaps::fill(&request, &self.calendar, self.now, &mut points, most);
            filled.map_err(|points| too_many_points(points, most))?;
        }
        if points.len() > most {
            return Err(too_many_points(points.len(), most));
        }
        let points = points.into_iter().map(|(key, point)| SeriesPoint {
            bucket: key.0,
            goal: goals
                .as_ref()
                .map(|goals| goals.held(&key, point.value.as_ref(), numbers)),
            group: request.by.iter().cloned().zip(key.1).collect(),
            value: numbers.figure(point.value),
            facts: point.facts,
        });
        Ok(Series {
            kpi: self.kpi.code().to_owned(),
            name: self.kpi.definition.name.clone(),
            unit: self.kpi.definition.unit.clone(),
            period: self.asked.period,
            time_zone: zone_name(&self.calendar),
            from: self.range.from,
            to: self.range.to,
            empty: numbers.figure(series::answer::empty(&request).value),
            points: points.collect(),
            mode: mode_of(&together.told),
            measures: together.told.into_iter().map(measure).collect(),
            plan: together.plan.into_iter().map(step).collect(),
            windows: together.windows.into_iter().map(window).collect(),
        })
    }
}

fn range(calendar: &Calendar, asked: &Asked, now: Timestamp) -> Result<Range, Problem> {
    let period = asked.period;
    match asked.over {
        Over::One(at) => {
            let from = calendar.start(period, at.unwrap_or(now));
            let to = calendar.next(period, from);
            Ok(Range { from, to })
        }
        Over::Range { from, to, .. } => {
            let range = calendar.align(period, Range { from, to });
            if calendar.count(period, range, MAX_POINTS) > MAX_POINTS {
                return Err(
                    Problem::invalid(format!("the range has more than {MAX_POINTS} {}s", period.name()))
                        .hint("ask a shorter range or a longer period"),
                );
            }
            Ok(range)
        }
    }
}

fn too_many_points(points: usize, most: usize) -> Problem {
    let all = format!("the series has {points} points or more over all groups, and {MAX_GROUPED_POINTS} are allowed");
    let hint = "ask a shorter range, a longer period or fewer dimensions, or filter";
    if most < MAX_GROUPED_POINTS {
        return Problem::invalid(format!("{all} in all answers together, of which {most} are left"))
            .hint(format!("ask it by itself, or {hint}"));
    }
    Problem::invalid(all).hint(hint)
}

fn zone_name(calendar: &Calendar) -> String {
    calendar.zone().iana_name().unwrap_or_default().to_owned()
}

fn kpi<'a>(definitions: &'a ClientCatalog, code: &str) -> Result<&'a Kpi, Problem> {
    let found = definitions.catalog.kpi(code);
    found.map(AsRef::as_ref).ok_or_else(|| {
        let closest = formula::closest(code, definitions.catalog.kpis().map(|kpi| kpi.code()));
        let problem = Problem::not_found("KPI", code);
        if let Some(renamed) = definitions.catalog.former_kpi(code) {
            return problem.hint(format!("it was renamed to {}", renamed.code()));
        }
        match closest {
            Some(name) => problem.hint(format!("did you mean {name}?")),
            None => problem.hint("GET /v1/kpis lists them"),
        }
    })
}

/// The KPI in the mode that is asked for, or in its own.
fn in_mode(kpi: &Kpi, mode: Option<Mode>) -> Cow<'_, Kpi> {
    match mode {
        Some(mode) if mode != kpi.definition.mode => Cow::Owned(kpi.in_mode(mode)),
        _ => Cow::Borrowed(kpi),
    }
}
