"""The buckets of docs/periods.md, by the clocks of a zone and the calendar that a client declares. Instants are microseconds since 1970."""

import functools
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
YEARS = (2005, 2032)


def instant(text):
    """An RFC 3339 text with an offset."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


# No fact is older.
EARLIEST = instant("1990-01-01T00:00:00+00:00")


class Clocks:
    """What the clocks of a zone show."""

    def __init__(self, name):
        self.zone = ZoneInfo(name)
        self.changes = []
        step = 6 * HOUR
        begin, end = (instant(f"{year}-01-01T00:00:00+00:00") for year in YEARS)
        for time in range(begin, end, step):
            if self.ahead(time) != self.ahead(time + step):
                self.changes.append(self.first(time, time + step, lambda at, before=self.ahead(time): self.ahead(at) != before))

    @functools.lru_cache(maxsize=None)
    def ahead_at(self, second):
        return datetime.fromtimestamp(second, self.zone).utcoffset() // timedelta(microseconds=1)

    def ahead(self, time):
        return self.ahead_at(time // SECOND)

    @staticmethod
    def first(low, high, holds):
        """The first whole second after `low`, up to `high`, from which on something holds."""
        low, high = low // SECOND, high // SECOND
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle * SECOND) else (middle, high)
        return high * SECOND

    def shown(self, time):
        """The ordinal of the date that the clocks show."""
        return EPOCH.toordinal() + (time + self.ahead(time)) // DAY

    @functools.lru_cache(maxsize=None)
    def date_of_second(self, second):
        time = second * SECOND
        # What has begun goes on: clocks that are put back past midnight show the day before once more.
        before = [self.shown(change - SECOND) for change in self.changes if time - 2 * DAY < change <= time]
        return max([self.shown(time), *before])

    def date(self, time):
        return date.fromordinal(self.date_of_second(time // SECOND))

    @functools.lru_cache(maxsize=None)
    def begins(self, day):
        """The first instant of a date."""
        noon = (day.toordinal() - EPOCH.toordinal()) * DAY
        return self.first(noon - 2 * DAY, noon + 2 * DAY, lambda time: self.date(time) >= day)

    def hour(self, time):
        """The hour around an instant, which is cut where clocks are changed."""
        start = time - (time + self.ahead(time)) % HOUR
        cuts = [change for change in self.changes if start < change < start + 2 * HOUR]
        start = max([start, *(cut for cut in cuts if cut <= time)])
        end = start + HOUR - (start + self.ahead(start)) % HOUR
        return start, min([end, *(cut for cut in cuts if cut > time)])

    def local(self, moment):
        """The instant of a time without offset: of two the first, and one that was left out is as much later."""
        return (moment.replace(tzinfo=self.zone, fold=0).astimezone(timezone.utc) - EPOCH) // timedelta(microseconds=1)


clocks = functools.lru_cache(maxsize=None)(Clocks)


def month_start(day, months):
    """The first of the month that is so many months after that of a date."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


class Weeks:
    """A fiscal year of 52 or 53 weeks."""

    def __init__(self, declared):
        self.pattern = [int(weeks) for weeks in declared["pattern"].split("-")]
        self.last_day = WEEKDAYS.index(declared["last_day"])
        self.month, self.ends = declared["last_month"], declared["ends"]

    def last(self, year):
        """The last date of the fiscal year whose last month is of this year."""
        end = month_start(date(year, self.month, 1), 1) - timedelta(days=1)
        back = (end.weekday() - self.last_day) % 7
        if self.ends == "last" or back <= 3:
            return end - timedelta(days=back)
        return end + timedelta(days=7 - back)

    def span(self, day, period):
        year = next(year for year in range(day.year - 1, day.year + 3) if self.last(year - 1) < day <= self.last(year))
        first, after = self.last(year - 1) + timedelta(days=1), self.last(year) + timedelta(days=1)
        lengths = {"fiscal_year": [99], "fiscal_quarter": [13] * 4, "fiscal_month": self.pattern * 4}[period]
        starts = [first + timedelta(weeks=sum(lengths[:place])) for place in range(len(lengths))] + [after]
        # The 53rd week belongs to the last month.
        return next((start, end) for start, end in zip(starts, starts[1:]) if start <= day < max(end, start) or end == after)


class Calendar:
    def __init__(self, zone, declared):
        self.clocks = clocks(zone)
        self.week_starts = WEEKDAYS.index(declared.get("week_starts", "monday"))
        fiscal = declared.get("fiscal_year", {"of": "months", "first_month": 1})
        self.weeks = Weeks(fiscal) if fiscal["of"] == "weeks" else None
        self.first_month = fiscal.get("first_month", 1)
        self.known = {}

    def dates(self, period, day):
        """The first date of the bucket around a date, and the first after it."""
        if period == "day":
            return day, day + timedelta(days=1)
        if period == "week":
            start = day - timedelta(days=(day.weekday() - self.week_starts) % 7)
            return start, start + timedelta(days=7)
        if period.startswith("fiscal") and self.weeks:
            return self.weeks.span(day, period)
        months = {"month": 1, "quarter": 3, "year": 12}[period.removeprefix("fiscal_")]
        first = self.first_month if period.startswith("fiscal") else 1
        since = (day.month - first) % months if months < 12 else (day.month - first) % 12
        start = month_start(day, -since)
        return start, month_start(start, months)

    def bucket(self, period, time):
        """The bucket around an instant."""
        if period == "minute":
            start = time - time % (60 * SECOND)
            return start, start + 60 * SECOND
        if period == "hour":
            return self.clocks.hour(time)
        day = self.clocks.date(time)
        if (period, day) not in self.known:
            self.known[period, day] = tuple(self.clocks.begins(date) for date in self.dates(period, day))
        return self.known[period, day]

    def align(self, period, since, until):
        start, end = self.bucket(period, until)
        return self.bucket(period, since)[0], until if start == until else end
