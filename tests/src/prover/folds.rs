//! Formulas over the values of shorter periods.

use catalog::Period;

use super::kpis::Kpis;
use super::windows::{earlier, longer, written};

/// Periods that a bucket is made of: so long that an answer is not made of too many.
fn shorter(period: Period) -> &'static [Period] {
    use Period::{Day, FiscalMonth, FiscalQuarter, FiscalYear, Hour, Minute, Month, Quarter, Week, Year};
    match period {
        Minute => &[Minute],
        Hour => &[Hour, Hour, Hour, Minute],
        Day => &[Day, Day, Hour],
        Week => &[Day, Day, Week],
        Month => &[Day, Day, Week, Month, FiscalMonth],
        Quarter => &[Day, Week, Month, Quarter, FiscalMonth],
        Year => &[Day, Week, Month, Quarter, Year],
        FiscalMonth => &[Day, Day, Week, FiscalMonth, Month],
        FiscalQuarter => &[Day, Week, FiscalMonth, FiscalQuarter],
        FiscalYear => &[Day, Week, FiscalMonth, FiscalQuarter, FiscalYear],
    }
}

/// All of them.
const FOLDS: [&str; 16] = [
    "AVG_PER",
    "SUM_PER",
    "MIN_PER",
    "MAX_PER",
    "FIRST_PER",
    "LAST_PER",
    "COUNT_PER",
    "MEDIAN_PER",
    "PERCENTILE_PER",
    "STDDEV_PER",
    "STDDEV_POP_PER",
    "VARIANCE_PER",
    "VARIANCE_POP_PER",
    "CORRELATION_PER",
    "SLOPE_PER",
    "DRAWDOWN_PER",
];

impl Kpis<'_> {
    /// One of the functions over shorter periods.
    pub(super) fn fold(&mut self, function: &str, depth: usize) -> String {
        let period = self.draw.pick(shorter(self.period));
        if self.draw.one_in(3) {
            return self.around_fold(function, period, depth);
        }
        self.fold_over(function, period, depth)
    }

    fn fold_over(&mut self, function: &str, period: Period, depth: usize) -> String {
        let is_windowed = self.draw.one_in(3);
        self.fold_of(function, period, is_windowed, depth)
    }

    fn fold_of(&mut self, function: &str, period: Period, is_windowed: bool, depth: usize) -> String {
        let word = self.draw.cased(function);
        let inside = self.inside_fold(period, is_windowed, depth);
        let named = written(period);
        match function {
            "CORRELATION_PER" | "SLOPE_PER" => {
                let other = self.inside_fold(period, false, 0);
                format!("{word}({inside}, {other}, {named})")
            }
            "PERCENTILE_PER" => {
                let percent = self.draw.pick(&["50", "90", "0.01", "99.99", "33.3", "25"]);
                format!("{word}({inside}, {named}, {percent})")
            }
            _ => format!("{word}({inside}, {named})"),
        }
    }

    /// An expression of each of the periods, some of which look at others: seen from there.
    fn inside_fold(&mut self, period: Period, is_windowed: bool, depth: usize) -> String {
        let outer = std::mem::replace(&mut self.period, period);
        let inside = self.moved_expression(depth);
        let inside = if is_windowed {
            let count = self.draw.between(1, 4);
            let (before, after) = (self.draw.pick(earlier(period)), self.draw.pick(&longer(period)));
            let moved = match self.draw.below(6) {
                0 | 1 => format!("PREVIOUS({inside}, {count})"),
                2 => format!("PREVIOUS({inside}, 1, {})", written(before)),
                3 => format!("ROLLING({inside}, {count})"),
                4 => format!("TO_DATE({inside}, {})", written(after)),
                _ => format!("CUMULATIVE({inside})"),
            };
            if self.draw.one_in(2) {
                format!("COALESCE({moved}, 0) - {}", self.number(0))
            } else {
                moved
            }
        } else {
            inside
        };
        self.period = outer;
        inside
    }

    /// A function over shorter periods of another stretch of time than the bucket.
    fn around_fold(&mut self, function: &str, period: Period, depth: usize) -> String {
        let fold = self.fold_over(function, period, depth);
        let count = self.draw.between(1, 5);
        let before = self.draw.pick(earlier(self.period));
        // Of minutes and hours fewer: an answer is made of so many at most.
        let ways = match period {
            Period::Minute => 4,
            Period::Hour => 6,
            _ => 8,
        };
        let longest = self.draw.pick(&longer(self.period));
        match self.draw.below(ways) {
            0 => format!("PREVIOUS({fold})"),
            1 => format!("PREVIOUS({fold}, {count})"),
            2 => format!("PREVIOUS({fold}, 1, {})", written(before)),
            3 => format!("ROLLING({fold}, {count})"),
            4 => format!("PREVIOUS(ROLLING({fold}, {count}))"),
            5 if period == Period::Hour => format!("TO_DATE({fold}, DAY)"),
            5 | 6 => format!("TO_DATE({fold}, {})", written(longest)),
            _ => {
                let named = if longest.name().starts_with("fiscal") {
                    self.period
                } else {
                    longest
                };
                if named.name().starts_with("fiscal") {
                    return format!("ROLLING({fold}, 2)");
                }
                format!("ROLLING({fold}, 2, {})", written(named))
            }
        }
    }

    pub(super) fn fold_in_window(&mut self, depth: usize) -> String {
        let (function, period) = (self.draw.pick(&FOLDS), self.draw.pick(shorter(self.period)));
        self.around_fold(function, period, depth)
    }

    pub(super) fn window_in_fold(&mut self, depth: usize) -> String {
        let (function, period) = (self.draw.pick(&FOLDS), self.draw.pick(shorter(self.period)));
        self.fold_of(function, period, true, depth)
    }
}
