"""Functions over what an expression comes to in each of several shorter periods."""

from decimal import Decimal
from fractions import Fraction
from functools import reduce
from math import ceil

from measures import products, spread
from numbers_of import Number

# They are not computed in one way that is told, so that no answer is held to more digits than are shown of what was rounded.
LOOSE = {"STDDEV_PER", "STDDEV_POP_PER", "VARIANCE_PER", "VARIANCE_POP_PER", "CORRELATION_PER", "SLOPE_PER"}


def fold_of(fold, values):
    """What a function comes to, of the values of its expressions in each period, in the order of time. One in which an expression has none does not count."""
    _, function, operands, _, percent = fold
    known = [each for each in values if None not in each]
    if function == "COUNT_PER":
        return Number(Decimal(len(known)))
    if not known:
        return None
    if len(operands) > 1:
        return OF_PAIRS[function]([(one.value, other.value) for one, other in known], all(number.exact for each in known for number in each))
    numbers = [number for number, in known]
    return percentile(numbers, percent) if percent else OF_VALUES[function](numbers)


def total(numbers):
    return reduce(lambda one, other: one and Number.computed("add", one, other), numbers)


def mean(numbers):
    found = total(numbers)
    return found and Number.computed("divide", found, Number(Decimal(len(numbers))))


def by_size(numbers):
    return sorted(numbers, key=lambda number: number.value)


def median(numbers):
    ordered, half = by_size(numbers), len(numbers) // 2
    return ordered[half] if len(numbers) % 2 or ordered[half - 1].value == ordered[half].value else mean(ordered[half - 1:half + 1])


def percentile(numbers, percent):
    return by_size(numbers)[ceil(Fraction(percent) * len(numbers) / 100) - 1]


def variance(numbers, of_sample):
    count = len(numbers)
    return quotient(spread([number.value for number in numbers]), count * (count - of_sample), all(number.exact for number in numbers))


def quotient(dividend, divisor, exact):
    found = Number.quotient(dividend, divisor)
    return found and Number(found.value, found.exact and exact)


def root(number):
    return number and number.root()


def correlation(pairs, exact):
    square = Fraction(1)
    for values in zip(*pairs):
        square *= spread(values)
    shared = products(pairs)
    if square == 0:
        return None
    found = Number.quotient(shared * shared, square)
    found = found and found.root()
    return found and Number(found.value if shared >= 0 else -found.value, found.exact and exact)


def slope(pairs, exact):
    return quotient(products(pairs), spread([x for _, x in pairs]), exact)


def drawdown(numbers):
    """The deepest fall from an earlier peak, as a share of it. Of peaks that are not above zero there is none."""
    peak, deepest = numbers[0], None
    for number in numbers:
        # Of equal ones the later, of which another may be said to be exact: the answer has as many digits as that says.
        peak = number if number.value >= peak.value else peak
        if peak.value > 0:
            fall = Number.computed("divide", Number.computed("subtract", peak, number), peak)
            deepest = fall if deepest is None or fall.value >= deepest.value else deepest
    return deepest


OF_VALUES = {
    "SUM_PER": total,
    "AVG_PER": mean,
    "MIN_PER": lambda numbers: by_size(numbers)[0],
    "MAX_PER": lambda numbers: by_size(numbers)[-1],
    "FIRST_PER": lambda numbers: numbers[0],
    "LAST_PER": lambda numbers: numbers[-1],
    "MEDIAN_PER": median,
    "VARIANCE_PER": lambda numbers: variance(numbers, 1),
    "VARIANCE_POP_PER": lambda numbers: variance(numbers, 0),
    "STDDEV_PER": lambda numbers: root(variance(numbers, 1)),
    "STDDEV_POP_PER": lambda numbers: root(variance(numbers, 0)),
    "DRAWDOWN_PER": drawdown,
}

OF_PAIRS = {"CORRELATION_PER": correlation, "SLOPE_PER": slope}
