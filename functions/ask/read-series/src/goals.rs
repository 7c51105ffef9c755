//! What values are held against: targets and thresholds, asked together with the KPI over the same facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::ask::Held;
use api::numbers::NumberForm;
use catalog::{Direction, Goal, Kpi};
use formula::Number;
use platform::Problem;
use series::{Absent, Calendar, Point, Request, SeriesKey};

/// What a KPI's values are held against, and what came of it.
pub(crate) struct Goals<'a> {
    direction: Direction,
    goal: &'a Goal<Arc<Kpi>>,
    requests: Vec<Request<'a>>,
    points: Vec<BTreeMap<SeriesKey, Point>>,
    /// What each has where nothing was read of it.
    absent: Vec<Absent>,
}

impl<'a> Goals<'a> {
    /// What has to be asked beside a request, where its values are to be held against something.
    pub(crate) fn beside(request: &Request<'a>, is_asked: bool) -> Result<Option<Self>, Problem> {
        if !is_asked {
            return Ok(None);
        }
        let Some(goal) = &request.kpi.goal else {
            let message = format!("the KPI {} declares no target and no threshold", request.kpi.code());
            return Err(
                Problem::invalid(message).hint("declare `target`, `warning` or `critical`, or leave out `status`")
            );
        };
        let bounds = goal.all().into_iter();
        let requests = bounds.map(|bound| Request {
            kpi: bound,
            ..request.clone()
        });
        Ok(Some(Self {
            direction: request.kpi.definition.direction,
            goal,
            requests: requests.collect(),
            points: Vec::new(),
            absent: Vec::new(),
        }))
    }

    /// What is to be asked.
    pub(crate) fn requests(&self) -> &[Request<'a>] {
        &self.requests
    }

    /// Takes what came of it.
    pub(crate) fn answered(&mut self, calendar: &Calendar, points: Vec<BTreeMap<SeriesKey, Point>>) {
        self.points = points;
        let absent = self.requests.iter().map(|request| Absent::of(request, calendar));
        self.absent = absent.collect();
    }

    /// How a value of a bucket and group stands. What has no facts there has the value of a bucket without any.
    pub(crate) fn held(&self, key: &SeriesKey, value: Option<&Number>, numbers: NumberForm) -> Held {
        let mut answers = self.absent.iter().zip(&self.points);
        let goal = self.goal.map(|_| {
            let (absent, points) = answers.next()?;
            let point = points.get(key).unwrap_or_else(|| absent.point(key.0));
            point.value.clone()
        });
        let status = self.direction.status(value, &goal);
        let Goal {
            target,
            warning,
            critical,
        } = goal.map(|number| numbers.figure(number.clone()));
        Held {
            status,
            target,
            warning,
            critical,
        }
    }
}
