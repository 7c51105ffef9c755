"""What a question is worth, by counting the facts one by one."""

from decimal import Decimal

from formula import UNITS, aggregates, names, parse
from numbers_of import WIDE, Number, rounded
from rows import COMPARE, both, literal

STEPS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


def shown(value):
    """A dimension's value as filters and groups write it."""
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


# What each aggregate makes of the values, in the order of their facts' times and their own, of which there is at least one.
OF_VALUES = {
    "SUM": lambda values: Number(total(values)),
    "AVG": lambda values: Number.computed("divide", Number(total(values)), Number(Decimal(len(values)))),
    "MIN": lambda values: Number(min(values)),
    "MAX": lambda values: Number(max(values)),
    "FIRST": lambda values: Number(values[0]),
    "LAST": lambda values: Number(values[-1]),
}


def total(values):
    sum_of_all = Decimal(0)
    for value in values:
        sum_of_all = WIDE.add(sum_of_all, value)
    return sum_of_all


class Measure:
    """An aggregate over the facts of an entity."""

    def __init__(self, tree, entity):
        _, self.function, self.entity, self.measured, self.unit, condition = tree
        self.time, self.condition = entity.time, condition
        self.holds = entity.rows.compile(condition)[1] if condition else lambda fact: True

    def names(self):
        """The attributes that it reads."""
        return set(self.measured[1:] if self.measured else ()) | (names(self.condition) if self.condition else set())

    def counts(self, fact):
        return self.holds(fact) is True

    def of(self, fact):
        if self.measured[0] == "attribute":
            return fact[self.measured[1]]
        to, since = fact[self.measured[1]], fact[self.measured[2]]
        return None if None in (to, since) else Decimal(to - since).scaleb(-6)

    def value(self, facts):
        if self.measured is None:
            return Number(Decimal(len(facts)))
        found = [(fact[self.time], self.of(fact)) for fact in facts]
        found = [(time, value) for time, value in found if value is not None]
        if self.function == "COUNT":
            return Number(Decimal(len(found)))
        if not found:
            return None
        value = OF_VALUES[self.function]([Decimal(value) for _, value in sorted(found)])
        return in_unit(value, self.unit) if self.unit else value


def in_unit(value, unit):
    return value and Number.computed("divide", value, Number(Decimal(UNITS[unit])))


class Kpi:
    """A KPI of a client with these entities."""

    def __init__(self, text, entities):
        self.tree = parse(text)
        self.measures = {aggregate: Measure(aggregate, entities[aggregate[2]]) for aggregate in map(frozen, aggregates(self.tree))}

    def entities(self):
        return sorted({measure.entity for measure in self.measures.values()})

    def value(self, facts):
        """The value, where `facts` has the facts of each measure."""
        found = self.evaluate(self.tree, {key: measure.value(facts.get(key, [])) for key, measure in self.measures.items()})
        return found and found.answered()

    def evaluate(self, tree, values):
        kind = tree[0]
        if kind == "aggregate":
            return values[frozen(tree)]
        if kind == "number":
            return Number(Decimal(tree[1]))
        if kind == "negate":
            operand = self.evaluate(tree[1], values)
            return operand and Number(-operand.value, operand.exact)
        if kind == "binary":
            operands = [self.evaluate(operand, values) for operand in tree[2:]]
            return None if None in operands else Number.computed(STEPS[tree[1]], *operands)
        if kind == "case":
            return self.case(tree[1], tree[2], values)
        return self.call(tree[1], tree[2], values)

    def case(self, arms, otherwise, values):
        for condition, value in arms:
            if self.holds(condition, values) is True:
                return self.evaluate(value, values)
        return self.evaluate(otherwise, values) if otherwise else None

    def call(self, function, operands, values):
        if function == "IF":
            return self.case([(operands[0], operands[1])], operands[2] if len(operands) > 2 else None, values)
        found = [self.evaluate(operand, values) for operand in operands]
        if function == "COALESCE":
            return next((value for value in found if value is not None), None)
        return None if None in found else CALLS[function](*found)

    def holds(self, tree, values):
        kind = tree[0]
        if kind == "truth":
            return tree[1]
        if kind == "not":
            known = self.holds(tree[1], values)
            return None if known is None else not known
        if kind == "in":
            value = self.evaluate(tree[1], values)
            return None if value is None else (value.value in [literal(item) for item in tree[2]]) != tree[3]
        if tree[1] in ("AND", "OR"):
            return both(tree[1] == "AND", self.holds(tree[2], values), self.holds(tree[3], values))
        left, right = (self.evaluate(operand, values) for operand in tree[2:])
        return None if None in (left, right) else COMPARE[tree[1]](left.value, right.value)


def to_places(number, places=Number(Decimal(0))):
    return Number.within(rounded(number.value, int(places.value)), number.exact)


CALLS = {
    "ABS": lambda number: Number(abs(number.value), number.exact),
    "ROUND": to_places,
    "GREATEST": lambda *numbers: max(numbers, key=lambda number: number.value),
    "LEAST": lambda *numbers: min(numbers, key=lambda number: number.value),
    "LN": lambda number: Number.computed("ln", number) if number.value > 0 else None,
    "EXP": lambda number: Number.computed("exp", number),
    "POWER": lambda base, exponent: base.to_the(exponent),
} | {unit: lambda number, unit=unit: in_unit(number, unit) for unit in UNITS}


def frozen(tree):
    """A tree that can be a key."""
    return tuple(frozen(part) for part in tree) if isinstance(tree, (tuple, list)) else tree


def points(kpi, entities, calendar, question, since, until):
    """The points of a question over an aligned range: for each bucket and group with facts that count, how many and the value."""
    cells = {}
    for code in kpi.entities():
        entity = entities[code]
        measures = [(key, measure) for key, measure in kpi.measures.items() if measure.entity == code]
        for fact in entity.facts:
            if not since <= fact[entity.time] < until:
                continue
            if any(shown(fact[name]) not in values for name, values in question["filter"].items()):
                continue
            counting = [key for key, measure in measures if measure.counts(fact)]
            if counting:
                bucket = calendar.bucket(question["period"], fact[entity.time])[0]
                cell = cells.setdefault((bucket, tuple(shown(fact[name]) for name in question["by"])), [0, {}])
                cell[0] += 1
                for key in counting:
                    cell[1].setdefault(key, []).append(fact)
    return {key: (kpi.value(facts), count) for key, (count, facts) in cells.items()}
