"""What a question is worth, by counting the facts one by one."""

from bisect import bisect_left
from functools import cached_property

from folds import fold_of
from formula import MOVED
from windows import window


def shown(value):
    """A dimension's value as filters and groups write it."""
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


class Grid:
    """Facts in buckets of a period: those of the question, or shorter ones of which these are made."""

    def __init__(self, question, measures, period, buckets):
        self.question, self.measures, self.period, self.buckets = question, measures, period, buckets
        self.calendar, self.starts = question.calendar, {start for start, _ in buckets}
        # For each bucket and group the facts of each measure, and which facts count in each window of an entity.
        self.facts, self.counts, self.lacking = {}, {}, {}
        if buckets:
            self.read()

    def put(self, cell, place, key, fact):
        self.facts.setdefault(cell, {}).setdefault(key, []).append(fact)
        self.count(cell, place, id(fact))

    def count(self, cell, place, what):
        self.counts.setdefault(cell, {}).setdefault(place, set()).add(what)

    def read(self):
        places = {}
        for key, measure in self.measures.items():
            # Objects that came and went are looked at at both ends, whatever is asked of them.
            places.setdefault((measure.entity, key.steps, "moved" if key.at in MOVED else key.at), []).append((key, measure))
        for place, measures in places.items():
            entity = self.question.entities[place[0]]
            if place[2]:
                self.read_states(entity, place, measures)
            else:
                self.read_facts(entity, place, measures)

    def read_facts(self, entity, place, measures):
        rows = []
        for fact in entity.facts:
            if self.question.counted(fact) and (keys := [key for key, measure in measures if measure.counts(fact)]):
                rows.append((fact[entity.time], keys, fact))
        if place[1]:
            rows.sort(key=lambda row: row[0])
            self.read_windows(place, measures, rows)
            return
        for time, keys, fact in rows:
            start = self.calendar.bucket(self.period, time)[0]
            if start in self.starts:
                for key in keys:
                    self.put((start, self.question.group(fact)), place, key, fact)

    def windows(self, place, measures):
        """Each bucket with the stretch of time that counts for it."""
        for bucket in self.buckets:
            stretch = window(self.calendar, place[1], self.period, bucket, self.question.now)
            if stretch is None:
                self.lacking.setdefault(bucket[0], set()).update(key for key, _ in measures)
            else:
                yield bucket, stretch

    def read_windows(self, place, measures, rows):
        times = [time for time, _, _ in rows]
        for bucket, stretch in self.windows(place, measures):
            for _, keys, fact in rows[bisect_left(times, stretch[0]):bisect_left(times, stretch[1])]:
                for key in keys:
                    self.put((bucket[0], self.question.group(fact)), place, key, fact)

    def read_states(self, entity, place, measures):
        histories = entity.histories().values()
        for bucket, stretch in self.windows(place, measures):
            for times, facts in histories:
                at_start, at_end = (last(times, facts, moment) for moment in stretch)
                for key, measure in measures:
                    self.put_state(bucket[0], place, (key, measure), (at_start, at_end), id(facts))

    def put_state(self, bucket, place, measured, states, which):
        key, measure = measured
        asked = self.question
        groups = [asked.group(state) if state and asked.counted(state) and measure.counts(state) else None for state in states]
        (before, after), (at_start, at_end) = groups, states
        stays = before is not None and before == after
        counts = {
            "AT_START": (at_start, before, before is not None),
            "AT_END": (at_end, after, after is not None),
            "ENTERED": (at_end, after, after is not None and not stays),
            "LEFT": (at_start, before, before is not None and not stays),
            "STAYED": (at_end, after, stays),
        }
        state, group, does = counts[key.at]
        if does:
            self.facts.setdefault((bucket, group), {}).setdefault(key, []).append(state)
        looked_at = {before, after} - {None} if place[2] == "moved" else {group} - {None}
        for group in looked_at:
            self.count((bucket, group), place, which)

    def given(self, cell):
        """The facts of each measure, and none at all where there is no time to look at."""
        return self.facts.get(cell, {}) | {key: None for key in self.lacking.get(cell[0], ())}


class Folded:
    """The shorter periods that the buckets of a question are made of, behind some steps to other periods."""

    def __init__(self, question, each):
        (self.outer, period), self.question, self.each = each, question, each
        self.members = {bucket[0]: self.within(bucket, period) for bucket in question.buckets}
        members = sorted({member for found in self.members.values() for member in found or ()})
        measures = {key: measure for key, measure in question.kpi.measures.items() if key.each == each}
        self.grid, self.folds = Grid(question, measures, period, members), [fold for fold in question.kpi.folds if fold[3] == each]
        self.known = {}

    def within(self, bucket, period):
        """The periods that begin in the stretch of a bucket and have begun; None where there is no time to look at."""
        asked = self.question
        stretch = window(asked.calendar, self.outer, asked.period, bucket, asked.now)
        if stretch is None:
            return None
        found, until = [], max(asked.now, bucket[0])
        member = asked.calendar.bucket(period, stretch[0])
        while member[0] < stretch[1] and member[0] <= until:
            if member[0] >= stretch[0]:
                found.append(member)
            member = asked.calendar.bucket(period, member[1])
        return found

    def operands(self, cell):
        """For each function what its expressions come to in a period and group."""
        cell = cell if cell in self.grid.facts else (cell[0], None)
        if cell not in self.known:
            kpi = self.question.kpi
            values = kpi.measured(self.grid.given(cell), self.each)
            self.known[cell] = {fold: tuple(kpi.evaluate(operand, values) for operand in fold[2]) for fold in self.folds}
        return self.known[cell]

    def values(self, cell):
        """What the functions come to in a bucket and group of the question."""
        members = self.members[cell[0]]
        if members is None:
            return {fold: None for fold in self.folds}
        periods = [self.operands((start, cell[1])) for start, _ in members]
        return {fold: fold_of(fold, [values[fold] for values in periods]) for fold in self.folds}

    @cached_property
    def counts(self):
        """For each bucket and group of the question how many facts count in each window, in all its periods together."""
        by_start, found = {}, {}
        for (start, group), places in self.grid.counts.items():
            by_start.setdefault(start, []).append((group, places))
        for bucket, members in self.members.items():
            for start, _ in members or ():
                for group, places in by_start.get(start, ()):
                    of = found.setdefault((bucket, group), {})
                    for place, facts in places.items():
                        of[(*place, self.each)] = of.get((*place, self.each), 0) + len(facts)
        return found


class Question:
    """A question over an aligned range of a calendar, asked at a time."""

    def __init__(self, kpi, entities, calendar, question, since, until):
        self.kpi, self.entities, self.calendar = kpi, entities, calendar
        self.period, self.filter, self.by, self.now = question["period"], question["filter"], question["by"], question["now"]
        self.buckets = list(self.aligned(since, until))
        self.own = Grid(self, {key: measure for key, measure in kpi.measures.items() if key.each is None}, self.period, self.buckets)
        self.folded = [Folded(self, each) for each in sorted({fold[3] for fold in kpi.folds}, key=repr)]
        self.counts = {cell: {(*place, None): len(facts) for place, facts in places.items()} for cell, places in self.own.counts.items()}
        for folded in self.folded:
            for cell, places in folded.counts.items():
                self.counts.setdefault(cell, {}).update(places)

    def counted(self, fact):
        return all(shown(fact[name]) in values for name, values in self.filter.items())

    def group(self, fact):
        return tuple(shown(fact[name]) for name in self.by)

    def aligned(self, since, until):
        bucket = self.calendar.bucket(self.period, since)
        while bucket[0] < until:
            yield bucket
            bucket = self.calendar.bucket(self.period, bucket[1])

    def points(self):
        """For each bucket and group with facts that count, the value and how many."""
        points = {cell: self.point(cell) for cell in self.counts if cell[0] <= self.now or self.has_own(cell)}
        # Where a window has no time, or shorter periods make another value without facts, the point says so, of each group that the answer has.
        groups, empty = {group for _, group in points} if self.by else {()}, self.kpi.value({})
        others = {start for start, _ in self.buckets} if self.folded else self.own.lacking
        for start in (start for start in others if start <= self.now):
            absent = self.value((start, None))
            for cell in ((start, group) for group in groups if absent != empty):
                points.setdefault(cell, (absent, 0))
        return points

    def has_own(self, cell):
        """Whether facts count that no function of other periods leads to."""
        return any(not steps and not at and not (each and each[0]) for _, steps, at, each in self.counts[cell])

    def value(self, cell):
        """The value of a bucket and group, which may have no facts."""
        folded = {}
        for of in self.folded:
            folded |= of.values(cell)
        return self.kpi.value(self.own.given(cell), folded)

    def point(self, cell):
        most = {}
        for (code, *_), facts in self.counts.get(cell, {}).items():
            most[code] = max(most.get(code, 0), facts)
        return self.value(cell), sum(most.values())


def last(times, facts, moment):
    """The state before a moment, of facts in their order."""
    place = bisect_left(times, moment)
    return facts[place - 1] if place else None
