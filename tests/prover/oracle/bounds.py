"""What the mode `approximate` promises: by how much a value from sketches may be off, and that all who ask are told the same."""

from decimal import Decimal

from formula import UNITS, children

RELATIVE = Decimal("0.01")
STANDARD_ERROR = 0.0081
# A number of different values is so many standard errors off in one of millions; few values collide once or twice.
MOST_ERRORS, MOST_COLLISIONS = 6, 2
WITHIN = 0.016
# Of what is written with 15 digits.
OF_DIGITS = Decimal("1e-14")

SKETCHED = {"MEDIAN": "approximate percentile", "PERCENTILE": "approximate percentile", "DISTINCT": "approximate distinct"}


def near(one, other, slack=Decimal(0)):
    """Whether two values are the same but for what may be lost."""
    if None in (one, other):
        return one is other
    return abs(one - other) <= slack + OF_DIGITS * abs(other)


def kinds(tree):
    """What a formula has that sketches answer."""
    if tree[0] == "measure":
        return {SKETCHED[tree[1].tree[1]]} if tree[1].tree[1] in SKETCHED else set()
    return set().union(*(kinds(child) for child in children(tree)))


class Bounds:
    """By how much the values of a question may be off."""

    def __init__(self, asked):
        self.asked, self.kpi = asked, asked.kpi

    def allow(self, cell, right, said):
        """Whether a value may be told. Where no bound is it may be any."""
        slack = self.slack(cell)
        return slack is None or near(said, right, slack)

    def slack(self, cell):
        """Of a bucket and group; None where the formula makes of it what no bound is told for."""
        if self.kpi.folds:
            return None
        facts = self.asked.own.given(cell)
        return self.of(self.kpi.tree, facts, self.kpi.measured(facts))

    def of(self, tree, facts, values):
        kind = tree[0]
        if not kinds(tree):
            return Decimal(0)
        if kind == "measure":
            return self.of_measure(tree[1], facts.get(tree[1]) or [])
        if kind == "negate":
            return self.of(tree[1], facts, values)
        if kind == "binary" and tree[1] in ("+", "-"):
            both = [self.of(operand, facts, values) for operand in tree[2:]]
            return None if None in both else sum(both)
        if kind == "call" and tree[1] in UNITS:
            found = self.of(tree[2][0], facts, values)
            return found and found / UNITS[tree[1]]
        if kind == "call" and tree[1] == "COALESCE":
            known = [operand for operand in tree[2] if self.kpi.evaluate(operand, values) is not None]
            return self.of(known[0], facts, values) if known else Decimal(0)
        return None

    def of_measure(self, key, facts):
        measure = self.kpi.measures[key]
        found = sorted(value for fact in facts if (value := measure.of(measure.measured, fact)) is not None)
        if not found:
            return Decimal(0)
        unit = UNITS[measure.unit] if measure.unit else 1
        if measure.function == "DISTINCT":
            return Decimal(max(MOST_ERRORS * STANDARD_ERROR * len(set(found)), MOST_COLLISIONS))
        if measure.function == "MEDIAN":
            half = len(found) // 2
            middle = found[half:half + 1] if len(found) % 2 else found[half - 1:half + 1]
            return RELATIVE * sum(abs(Decimal(value)) for value in middle) / len(middle) / unit
        return RELATIVE * abs(measure.value(facts).value)


class Told:
    """What was told of questions since facts came last: whoever asks, and whatever became of sketches meanwhile, has the same to the last digit."""

    def __init__(self):
        self.known = {}

    def differences(self, place, route, points):
        """Where an answer differs from the first one, and the value of a bucket from that of a series."""
        if route == "value":
            # A series that is not split has the same bucket.
            series = self.known.get((place, "series"), {})
            self.known.setdefault((place, route), {cell: series.get(cell, point) for cell, point in points.items()})
        known = self.known.setdefault((place, route), points)
        cells = sorted(known.keys() | points.keys())
        return [f"{cell[0]} {list(cell[1])}: told {points.get(cell)}, and {known.get(cell)} before" for cell in cells if known.get(cell) != points.get(cell)]


def share(numbers):
    """Of pairs of what was told and what is right, how many there are, and how many are within two standard errors."""
    numbers = [(said, right) for said, right in numbers if right]
    return len(numbers), sum(abs(said - right) <= Decimal(WITHIN) * right for said, right in numbers)
