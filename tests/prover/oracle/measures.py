"""Aggregates: what each makes of facts, or of the states that objects have."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from math import ceil

from formula import UNITS, names
from numbers_of import WIDE, Number


def total(values):
    sum_of_all = Decimal(0)
    for value in values:
        sum_of_all = WIDE.add(sum_of_all, value)
    return sum_of_all


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return Number(values[middle]) if len(values) % 2 else Number.quotient(Fraction(values[middle - 1]) + Fraction(values[middle]), 2)


def mode(values):
    """The most frequent; of several the least."""
    counts = Counter(values)
    return Number(min(value for value, count in counts.items() if count == max(counts.values())))


def percentile(values, percent):
    """The least that so many percent of the values do not exceed."""
    return Number(sorted(values)[ceil(Fraction(percent) * len(values) / 100) - 1])


def products(pairs):
    """n times the sum of products, less the product of sums."""
    pairs = [(Fraction(x), Fraction(y)) for x, y in pairs]
    return len(pairs) * sum(x * y for x, y in pairs) - sum(x for x, _ in pairs) * sum(y for _, y in pairs)


def exact(fraction):
    """A sum of products of decimals, which has an end."""
    return Number(WIDE.divide(Decimal(fraction.numerator), Decimal(fraction.denominator)))


def spread(values):
    return products([(value, value) for value in values])


def variance(values, of_sample):
    count = len(values)
    return Number.quotient(spread(values), count * (count - of_sample))


def root(number):
    return number and number.root()


def weighted(pairs):
    return Number.quotient(sum(Fraction(x) * Fraction(w) for x, w in pairs), sum(Fraction(w) for _, w in pairs))


def correlation(pairs):
    """One product, its root and a division, each of which is rounded."""
    spreads = [exact(spread(values)) for values in zip(*pairs)]
    together = Number.computed("divide", exact(products(pairs)), root(Number.computed("multiply", *spreads)))
    return together and Number(max(min(together.value, Decimal(1)), Decimal(-1)), together.exact)


def slope(pairs):
    """By how much the first grows where the second grows by 1."""
    return Number.quotient(products(pairs), spread([x for _, x in pairs]))


# What each aggregate makes of the values, in the order of their facts' times and their own, of which there is at least one.
OF_VALUES = {
    "SUM": lambda values: Number(total(values)),
    "AVG": lambda values: Number.computed("divide", Number(total(values)), Number(Decimal(len(values)))),
    "MIN": lambda values: Number(min(values)),
    "MAX": lambda values: Number(max(values)),
    "FIRST": lambda values: Number(values[0]),
    "LAST": lambda values: Number(values[-1]),
    "MEDIAN": median,
    "MODE": mode,
    "VARIANCE": lambda values: variance(values, 1),
    "VARIANCE_POP": lambda values: variance(values, 0),
    "STDDEV": lambda values: root(variance(values, 1)),
    "STDDEV_POP": lambda values: root(variance(values, 0)),
}

OF_PAIRS = {"WEIGHTED_AVG": weighted, "CORRELATION": correlation, "SLOPE": slope}

# The sketch that answers an aggregate in the mode `approximate`.
SKETCHES = {"MEDIAN": "percentiles", "PERCENTILE": "percentiles", "DISTINCT": "distinct"}

# What becomes of the values themselves, which may be of any type.
OF_ANY = {
    "COUNT": lambda values: Number(Decimal(len(values))),
    "DISTINCT": lambda values: Number(Decimal(len(set(values)))),
    "ANY": lambda values: Number(Decimal(any(values))) if values else None,
    "ALL": lambda values: Number(Decimal(all(values))) if values else None,
}


def in_unit(value, unit):
    return value and Number.computed("divide", value, Number(Decimal(UNITS[unit])))


class Measure:
    """An aggregate over the facts of an entity."""

    def __init__(self, tree, entity):
        _, self.function, self.entity, self.measured, self.unit, condition, self.second = tree
        self.time, self.condition = entity.time, condition
        kind = SKETCHES.get(self.function)
        self.is_sketched = bool(kind) and self.measured[0] == "attribute" and (self.measured[1], kind) in entity.sketches
        self.holds = entity.rows.compile(condition)[1] if condition else lambda fact: True

    def names(self):
        """The attributes that it reads."""
        found = {name for of in (self.measured, self.second) if of and of[0] != "number" for name in of[1:]}
        return found | (names(self.condition) if self.condition else set())

    def counts(self, fact):
        return self.holds(fact) is True

    @staticmethod
    def of(measured, fact):
        if measured[0] == "attribute":
            return fact[measured[1]]
        one, other = fact[measured[1]], fact[measured[2]]
        if None in (one, other):
            return None
        return WIDE.multiply(Decimal(one), Decimal(other)) if measured[0] == "product" else Decimal(one - other).scaleb(-6)

    def value(self, facts):
        if self.measured is None:
            return Number(Decimal(len(facts)))
        if self.function in OF_PAIRS:
            found = [(self.of(self.measured, fact), self.of(self.second, fact)) for fact in facts]
            found = [pair for pair in found if None not in pair]
            value = OF_PAIRS[self.function](found) if found else None
        else:
            found = [(fact[self.time], self.of(self.measured, fact)) for fact in facts]
            found = [(time, value) for time, value in found if value is not None]
            value = self.of_each(found)
        return in_unit(value, self.unit) if self.unit else value

    def of_each(self, found):
        if self.function in OF_ANY:
            return OF_ANY[self.function]([value for _, value in found])
        if not found:
            return None
        values = [Decimal(value) for _, value in sorted(found)]
        return percentile(values, self.second[1]) if self.function == "PERCENTILE" else OF_VALUES[self.function](values)
