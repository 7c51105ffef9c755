"""A KPI: the value of its formula, when the facts of each of its measures are given."""

import operator
from decimal import Decimal
from typing import NamedTuple

from folds import fold_of
from formula import MOVED, UNITS, children, parse
from measures import Measure, in_unit
from numbers_of import Number, rounded
from rows import COMPARE, both, literal, negated_if

STEPS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


def frozen(tree):
    """A tree that can be a key."""
    if isinstance(tree, Key):
        return tree
    return tuple(frozen(part) for part in tree) if isinstance(tree, (tuple, list)) else tree


class Key(NamedTuple):
    """An aggregate, and where it is taken: behind which steps to other periods, at which end of states, and of which shorter periods: the steps to them, and what they are."""

    tree: tuple
    steps: tuple
    at: str | None
    each: tuple | None


def placed(tree, others, steps=(), at=None, each=None):
    """A formula with each aggregate told by where it is taken; other KPIs stand in it as they are written."""
    def within(part):
        return placed(part, others, steps, at, each)

    kind = tree[0]
    if kind == "name":
        return within(parse(others[tree[1]]))
    if kind == "window":
        return placed(tree[2], others, (*steps, (tree[1], *tree[3:])), at, each)
    if kind == "at":
        return placed(tree[2], others, steps, tree[1], each)
    if kind == "aggregate":
        return ("measure", Key(frozen(tree), steps, at or (tree[1] if tree[1] in MOVED else None), each))
    if kind == "fold":
        operands = tuple(frozen(placed(operand, others, (), None, (steps, tree[3]))) for operand in tree[2])
        return (kind, tree[1], operands, (steps, tree[3]), tree[4])
    if kind in ("negate", "not"):
        return (kind, within(tree[1]))
    if kind == "binary":
        return (kind, tree[1], within(tree[2]), within(tree[3]))
    if kind == "in":
        return (kind, within(tree[1]), *tree[2:])
    if kind == "range":
        return (kind, *(within(part) for part in tree[1:4]), tree[4])
    if kind == "call":
        return (kind, tree[1], [within(operand) for operand in tree[2]])
    if kind == "case":
        return (kind, [(within(condition), within(value)) for condition, value in tree[1]], tree[2] and within(tree[2]))
    return tree


def measures(tree):
    """What is measured for a formula, each once."""
    if tree[0] == "measure":
        return [tree[1]]
    return list(dict.fromkeys(measure for child in children(tree) for measure in measures(child)))


def folds(tree):
    """The functions over shorter periods of a formula."""
    return {tree} if tree[0] == "fold" else set().union(*(folds(child) for child in children(tree)))


class Kpi:
    """A KPI of a client with these entities and other KPIs, which are told by their codes."""

    def __init__(self, text, entities, others):
        self.written = parse(text)
        self.tree = placed(self.written, others)
        self.measures = {key: Measure(key.tree, entities[key.tree[2]]) for key in measures(self.tree)}
        self.folds = folds(self.tree)

    def entities(self):
        return sorted({measure.entity for measure in self.measures.values()})

    def measured(self, facts, each=None):
        """The values of the measures of each of some periods, or of none, where `facts` has the facts of each: no list where there is no time to look at."""
        mine = ((key, measure) for key, measure in self.measures.items() if key.each == each)
        return {key: None if (given := facts.get(key, [])) is None else measure.value(given) for key, measure in mine}

    def value(self, facts, folded=None):
        """The value, where `folded` has what functions over shorter periods come to: where it has nothing, of no period."""
        folded = {fold: fold_of(fold, []) for fold in self.folds} if folded is None else folded
        found = self.evaluate(self.tree, self.measured(facts) | folded)
        return found and found.answered()

    def evaluate(self, tree, values):
        kind = tree[0]
        if kind == "measure":
            return values[tree[1]]
        if kind == "fold":
            return values[tree]
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
        if kind == "measure":
            value = values[tree[1]]
            return value and value.value == 1
        if kind == "range":
            value, least, most = (self.evaluate(operand, values) for operand in tree[1:4])
            from_least, to_most = (None if None in (value, end) else compare(value.value, end.value) for compare, end in ((operator.ge, least), (operator.le, most)))
            return negated_if(tree[4], both(True, from_least, to_most))
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
