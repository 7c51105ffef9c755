"""What a question is worth, by counting the facts one by one."""

from bisect import bisect_left

from formula import MOVED
from windows import window


def shown(value):
    """A dimension's value as filters and groups write it."""
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


class Question:
    """A question over an aligned range of a calendar, asked at a time."""

    def __init__(self, kpi, entities, calendar, question, since, until):
        self.kpi, self.entities, self.calendar = kpi, entities, calendar
        self.period, self.filter, self.by, self.now = question["period"], question["filter"], question["by"], question["now"]
        self.since, self.until = since, until
        # For each bucket and group the facts of each measure, and how many facts count in each window of an entity.
        self.facts, self.counts, self.lacking, self.own = {}, {}, {}, set()
        self.read()

    def counted(self, fact):
        return all(shown(fact[name]) in values for name, values in self.filter.items())

    def group(self, fact):
        return tuple(shown(fact[name]) for name in self.by)

    def buckets(self):
        bucket = self.calendar.bucket(self.period, self.since)
        while bucket[0] < self.until:
            yield bucket
            bucket = self.calendar.bucket(self.period, bucket[1])

    def put(self, cell, place, key, fact):
        self.facts.setdefault(cell, {}).setdefault(key, []).append(fact)
        self.count(cell, place, id(fact))

    def count(self, cell, place, what):
        self.counts.setdefault(cell, {}).setdefault(place, set()).add(what)

    def read(self):
        for code in self.kpi.entities():
            places = {}
            for key, measure in self.kpi.measures.items():
                if measure.entity == code:
                    steps, at = key[1:]
                    # Objects that came and went are looked at at both ends, whatever is asked of them.
                    places.setdefault((steps, "moved" if at in MOVED else at), []).append((key, measure))
            for (steps, at), measures in places.items():
                if at:
                    self.read_states(self.entities[code], (code, steps, at), measures)
                else:
                    self.read_facts(self.entities[code], (code, steps, at), measures)

    def points(self):
        """For each bucket and group with facts that count, the value and how many."""
        points = {cell: self.point(cell) for cell in self.counts if cell[0] <= self.now or cell in self.own}
        # Where a window has no time the point says so, of each group that the answer has, unless it has what a bucket without facts has.
        groups, empty = {group for _, group in points} if self.by else {()}, self.kpi.value({})
        for start in (start for start in self.lacking if start <= self.now):
            for cell in ((start, group) for group in groups):
                point = self.point(cell)
                if cell not in points and point[0] != empty:
                    points[cell] = point
        return points

    def value(self, cell):
        """The value of a bucket and group, which may have no facts."""
        lacking = {key: None for key in self.lacking.get(cell[0], ())}
        return self.kpi.value(self.facts.get(cell, {}) | lacking)

    def point(self, cell):
        most = {}
        for (code, *_), facts in self.counts.get(cell, {}).items():
            most[code] = max(most.get(code, 0), len(facts))
        return self.value(cell), sum(most.values())

    def read_facts(self, entity, place, measures):
        rows = []
        for fact in entity.facts:
            if self.counted(fact) and (keys := [key for key, measure in measures if measure.counts(fact)]):
                rows.append((fact[entity.time], keys, fact))
        if place[1]:
            rows.sort(key=lambda row: row[0])
            self.read_windows(place, measures, rows)
            return
        for time, keys, fact in rows:
            if self.since <= time < self.until:
                cell = (self.calendar.bucket(self.period, time)[0], self.group(fact))
                self.own.add(cell)
                for key in keys:
                    self.put(cell, place, key, fact)

    def read_windows(self, place, measures, rows):
        times = [time for time, _, _ in rows]
        for bucket in self.buckets():
            stretch = window(self.calendar, place[1], self.period, bucket, self.now)
            if stretch is None:
                self.lacking.setdefault(bucket[0], set()).update(key for key, _ in measures)
                continue
            for _, keys, fact in rows[bisect_left(times, stretch[0]):bisect_left(times, stretch[1])]:
                for key in keys:
                    self.put((bucket[0], self.group(fact)), place, key, fact)

    def read_states(self, entity, place, measures):
        histories = entity.histories()
        for bucket in self.buckets():
            stretch = window(self.calendar, place[1], self.period, bucket, self.now)
            if stretch is None:
                self.lacking.setdefault(bucket[0], set()).update(key for key, _ in measures)
                continue
            for times, facts in histories:
                at_start, at_end = (last(times, facts, moment) for moment in stretch)
                for key, measure in measures:
                    self.put_state(bucket[0], place, (key, measure), (at_start, at_end), id(facts))

    def put_state(self, bucket, place, measured, states, which):
        key, measure = measured
        groups = [self.group(state) if state and self.counted(state) and measure.counts(state) else None for state in states]
        (before, after), (at_start, at_end) = groups, states
        stays = before is not None and before == after
        counts = {
            "AT_START": (at_start, before, before is not None),
            "AT_END": (at_end, after, after is not None),
            "ENTERED": (at_end, after, after is not None and not stays),
            "LEFT": (at_start, before, before is not None and not stays),
            "STAYED": (at_end, after, stays),
        }
        state, group, does = counts[key[2]]
        if does:
            self.facts.setdefault((bucket, group), {}).setdefault(key, []).append(state)
        looked_at = {before, after} - {None} if place[2] == "moved" else {group} - {None}
        for group in looked_at:
            self.count((bucket, group), place, which)


def last(times, facts, moment):
    """The state before a moment, of facts in their order."""
    place = bisect_left(times, moment)
    return facts[place - 1] if place else None
