"""Other periods than the bucket that is asked for, as docs/periods.md has them."""

from datetime import date, datetime, time, timedelta

from periods import DAY, EARLIEST, HOUR, SECOND, month_start

MINUTE = 60 * SECOND
MONTHS = {"month": 1, "quarter": 3, "year": 12}
# How many buckets of one period another one has, fiscal ones too.
HAS = {
    ("week", "quarter"): 13, ("week", "year"): 52, ("month", "month"): 1, ("month", "quarter"): 3, ("month", "year"): 12, ("quarter", "quarter"): 1,
    ("quarter", "year"): 4, ("year", "year"): 1,
}


def window(calendar, steps, period, bucket, now):
    """The stretch of time that counts for a bucket; None where there is none."""
    (start, end), likes = bucket, False
    for function, count, named, like in steps:
        if function in ("PREVIOUS", "SAME_PERIOD_LAST_YEAR"):
            found = previous(calendar, period, (start, end), count or 1, named)
            if found is None:
                return None
            (start, end), likes = found, likes or like
    # A bucket that has not begun is looked at as at its first moment.
    until, now = end, max(now, bucket[0])
    if likes and now < bucket[1]:
        until = min(max(as_much(calendar, period, bucket, start, now), start), end)
    function, count, named, _ = steps[-1] if steps else ("", None, None, False)
    if function == "TO_DATE":
        start = calendar.bucket(named, end - 1)[0]
    elif function == "ROLLING":
        start = before(calendar, end, count, named) if named else back(calendar, period, start, count - 1)[0]
    elif function == "CUMULATIVE":
        start = EARLIEST
    return start, max(until, start)


def back(calendar, period, start, count):
    """The bucket that is so many before the one that begins there."""
    bucket = calendar.bucket(period, start)
    for _ in range(count):
        bucket = calendar.bucket(period, bucket[0] - 1)
    return bucket


def previous(calendar, period, bucket, count, named):
    if named in (None, period):
        return back(calendar, period, bucket[0], count)
    if (period, named) == ("minute", "hour"):
        return bucket[0] - count * HOUR, bucket[1] - count * HOUR
    kinds = period.removeprefix("fiscal_"), named.removeprefix("fiscal_")
    if kinds in HAS:
        return back(calendar, period, bucket[0], count * HAS[kinds])
    day = other_date(calendar, shown_date(calendar.clocks, bucket[0]), named, count)
    if day is None:
        return None
    if period == "day":
        found = calendar.clocks.begins(day), calendar.clocks.begins(day + timedelta(days=1))
        return found if found[0] < found[1] else None
    return same_clocks(calendar, period, bucket[0], day)


def other_date(calendar, day, named, count):
    """The date with the same place so many periods before."""
    if named in ("day", "week"):
        return day - timedelta(days=count * (7 if named == "week" else 1))
    if named.startswith("fiscal") and calendar.weeks:
        start, end = calendar.weeks.span(day, named)
        place = day - start
        for _ in range(count):
            start, end = calendar.weeks.span(start - timedelta(days=1), named)
        return start + place if start + place < end else None
    first = month_start(day, -count * MONTHS[named.removeprefix("fiscal_")])
    return first.replace(day=day.day) if day.day <= days_of_month(first) else None


def shown_date(clocks, time):
    """The date that clocks show, which may be the one before once more."""
    return date.fromordinal(clocks.shown(time))


def days_of_month(first):
    return (month_start(first, 1) - first).days


def same_clocks(calendar, period, start, day):
    """The minute or the hour in which clocks show the same on another date."""
    clocks = calendar.clocks
    reading = (start + clocks.ahead(start)) % DAY
    found = instants(clocks, day, reading)
    if not found:
        return None
    is_second = start in instants(clocks, shown_date(clocks, start), reading)[1:]
    begin = found[1] if is_second and len(found) > 1 else found[0]
    bucket = calendar.bucket(period, begin)
    is_whole = bucket == (begin, begin + (HOUR if period == "hour" else MINUTE))
    return bucket if is_whole else None


def instants(clocks, day, reading):
    """When clocks show this on a date: twice where they are put back, never where it is left out."""
    shown = (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY + reading
    offsets = {clocks.ahead(shown + hours * HOUR) for hours in range(-36, 37)}
    return sorted(shown - offset for offset in offsets if clocks.ahead(shown - offset) == offset)


def at_clocks(clocks, day, reading):
    """The instant when clocks show this on a date; of midnight the date's first one."""
    if reading == 0:
        return clocks.begins(day)
    return clocks.local(datetime.combine(day, time()) + timedelta(microseconds=reading))


def before(calendar, end, count, named):
    """So many periods before an instant, by the calendar."""
    if named in ("minute", "hour"):
        return end - count * (MINUTE if named == "minute" else HOUR)
    clocks = calendar.clocks
    day, reading = shown_date(clocks, end), (end + clocks.ahead(end)) % DAY
    if named in ("day", "week"):
        return at_clocks(clocks, other_date(calendar, day, named, count), reading)
    first = month_start(day, -count * MONTHS[named])
    return at_clocks(clocks, first.replace(day=min(day.day, days_of_month(first))), reading)


def as_much(calendar, period, bucket, start, now):
    """Until when the bucket that begins at `start` counts, when as much of it counts as has passed of an open one, to the end of the minute that has begun."""
    passed = now - now % MINUTE + MINUTE
    if period in ("minute", "hour") or passed >= bucket[1]:
        return start + passed - bucket[0]
    clocks = calendar.clocks
    days = shown_date(clocks, passed) - clocks.date(bucket[0])
    return at_clocks(clocks, clocks.date(start) + days, (passed + clocks.ahead(passed)) % DAY)
