//! Formulas over other periods than the bucket that is asked for.

use catalog::Period;

use super::kpis::Kpis;

/// A period as formulas write it.
pub(super) fn written(period: Period) -> String {
    period.name().to_ascii_uppercase()
}

/// Periods of which an earlier one has a counterpart for buckets of a period: the shorter ones first, whose buckets have facts.
pub(super) fn earlier(period: Period) -> &'static [Period] {
    use Period::{Day, FiscalMonth, FiscalQuarter, FiscalYear, Hour, Minute, Month, Quarter, Week, Year};
    match period {
        Minute => &[Minute, Hour, Day, Day, Week, Month, FiscalMonth],
        Hour => &[Hour, Day, Day, Day, Week, Month, Year, FiscalMonth, FiscalYear],
        Day => &[
            Day,
            Week,
            Week,
            Month,
            Month,
            Quarter,
            Year,
            Year,
            FiscalMonth,
            FiscalQuarter,
            FiscalYear,
        ],
        Week => &[Week, Quarter, Year, FiscalQuarter],
        Month => &[Month, Quarter, Year, FiscalYear],
        Quarter => &[Quarter, Year, FiscalQuarter],
        Year => &[Year, FiscalYear],
        FiscalMonth => &[FiscalMonth, FiscalQuarter, FiscalYear, Month, Year],
        FiscalQuarter => &[FiscalQuarter, FiscalYear, Year],
        FiscalYear => &[FiscalYear, Year],
    }
}

/// Periods that are as long as a period or longer.
pub(super) fn longer(period: Period) -> Vec<Period> {
    Period::ALL
        .into_iter()
        .filter(|longer| longer.rank() >= period.rank())
        .collect()
}

impl Kpis<'_> {
    /// What stands in such a function: an expression over facts, or of states.
    pub(super) fn moved_expression(&mut self, depth: usize) -> String {
        if self.draw.one_in(5) {
            let function = self.draw.pick(&["AT_START", "AT_END", "AT_END"]);
            return self.at(function);
        }
        if self.draw.one_in(8) {
            let function = self.draw.pick(&["ENTERED", "LEFT", "STAYED"]);
            return self.moved(function);
        }
        let outer = std::mem::replace(&mut self.is_inside, true);
        let written = if self.draw.one_in(2) {
            self.measure()
        } else {
            self.number(depth)
        };
        self.is_inside = outer;
        written
    }

    fn any_earlier(&mut self) -> String {
        written(self.draw.pick(earlier(self.period)))
    }

    pub(super) fn previous(&mut self, depth: usize) -> String {
        let inside = self.moved_expression(depth);
        match self.draw.below(4) {
            0 => format!("PREVIOUS({inside}, {})", self.draw.between(2, 9)),
            1 => format!("PREVIOUS(PREVIOUS({inside}), {})", self.draw.between(1, 3)),
            2 => format!("PREVIOUS({inside}, 1, WHOLE)"),
            _ => format!("PREVIOUS({inside})"),
        }
    }

    pub(super) fn previous_of_period(&mut self, depth: usize) -> String {
        let (inside, period) = (self.moved_expression(depth), self.any_earlier());
        let count = self.draw.pick(&[1, 1, 1, 2, 3]);
        format!("PREVIOUS({inside}, {count}, {period})")
    }

    pub(super) fn last_year(&mut self, depth: usize) -> String {
        let rule = self.draw.pick(&["", "", ", LIKE_FOR_LIKE"]);
        format!("SAME_PERIOD_LAST_YEAR({}{rule})", self.moved_expression(depth))
    }

    pub(super) fn like_for_like(&mut self, depth: usize) -> String {
        let inside = self.moved_expression(depth);
        match self.draw.below(3) {
            0 => format!("PREVIOUS({inside}, LIKE_FOR_LIKE)"),
            1 => format!("PREVIOUS({inside}, 2, LIKE_FOR_LIKE)"),
            _ => format!("PREVIOUS({inside}, 1, {}, LIKE_FOR_LIKE)", self.any_earlier()),
        }
    }

    pub(super) fn up_to_date(&mut self, depth: usize) -> String {
        let period = self.draw.pick(&longer(self.period));
        format!("TO_DATE({}, {})", self.moved_expression(depth), written(period))
    }

    pub(super) fn rolling(&mut self, depth: usize) -> String {
        format!("ROLLING({}, {})", self.moved_expression(depth), self.draw.between(1, 9))
    }

    pub(super) fn rolling_of_period(&mut self, depth: usize) -> String {
        let periods: Vec<Period> = longer(self.period)
            .into_iter()
            .filter(|period| !period.name().starts_with("fiscal"))
            .collect();
        let period = written(self.draw.pick(&periods));
        let inside = self.moved_expression(depth);
        format!("ROLLING({inside}, {}, {period})", self.draw.pick(&[1, 2, 3, 7]))
    }

    pub(super) fn cumulative(&mut self, depth: usize) -> String {
        format!("CUMULATIVE({})", self.moved_expression(depth))
    }

    pub(super) fn previous_of_stretch(&mut self, depth: usize) -> String {
        let stretch = match self.draw.below(4) {
            0 => self.up_to_date(depth),
            1 => self.rolling(depth),
            2 => self.rolling_of_period(depth),
            _ => self.cumulative(depth),
        };
        match self.draw.below(3) {
            0 => format!("PREVIOUS({stretch}, LIKE_FOR_LIKE)"),
            1 => format!("PREVIOUS({stretch}, 1, {})", self.any_earlier()),
            _ => format!("PREVIOUS({stretch})"),
        }
    }

    pub(super) fn other_kpi(&mut self) -> String {
        if self.others.is_empty() {
            return self.measure();
        }
        let code = self.draw.pick(self.others);
        match self.draw.below(3) {
            0 => format!("{code} / {}", self.measure()),
            1 => format!("CUMULATIVE({code})"),
            _ => code,
        }
    }
}
