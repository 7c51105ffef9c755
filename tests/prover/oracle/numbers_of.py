"""Arithmetic as docs/formulas.md describes it: of KPIs to 76 digits, of one fact to 28."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, setcontext
from fractions import Fraction

# Beyond e to the power of this, and of its negative, no number is within the limits.
MAX_EXPONENT = 700

MAX_POWER = 300
ANSWER_DIGITS = 15
FACT_DIGITS = 28
INTEGERS = range(-(2**63), 2**63)


def context(digits):
    return Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=999_999, Emin=-999_999, traps=[InvalidOperation, DivisionByZero, Overflow])


WIDE = context(400)
# Signs and abs() round to the context that is set, which has 28 digits unless another one is.
setcontext(WIDE)


def rounded(value, places):
    """Halves go away from zero, which decimal calls half up."""
    if value.is_zero() or value.as_tuple().exponent >= -places:
        return value
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=WIDE)


def is_whole(value):
    return value == value.to_integral_value(context=WIDE)


def power(base, exponent, digits):
    """A power, and whether it was rounded; None where there is none."""
    if exponent == 0 or base == 1:
        return Decimal(1), False
    if base == 0:
        return (base, False) if exponent > 0 else None
    if (base < 0 and not is_whole(exponent)) or abs(base.adjusted() * exponent) > 2_000:
        return None
    limited = context(digits)
    if is_whole(exponent) and abs(exponent) <= 64:
        exact = Decimal(1)
        for _ in range(int(abs(exponent))):
            exact = context(20_000).multiply(exact, base)
        value = limited.plus(exact) if exponent > 0 else limited.divide(Decimal(1), exact)
    elif exponent == Decimal("0.5"):
        value = limited.sqrt(base)
    else:
        try:
            value = limited.power(base, exponent)
        except ArithmeticError:
            return None
        limited.flags[Inexact] = True
    return value, bool(limited.flags[Inexact])


class Number:
    """A number of a KPI's formula, and whether nothing was rounded on the way to it."""

    __slots__ = ("value", "exact")

    def __init__(self, value, exact=True):
        self.value, self.exact = value, exact

    @staticmethod
    def within(value, exact):
        if not value.is_finite():
            return None
        if value.is_zero():
            return Number(Decimal(0), exact)
        return Number(value, exact) if abs(value.adjusted()) <= MAX_POWER else None

    @staticmethod
    def computed(operation, *operands):
        limited = context(76)
        if operation == "exp" and abs(operands[0].value) > MAX_EXPONENT:
            return None
        try:
            value = getattr(limited, operation)(*(operand.value for operand in operands))
        except (InvalidOperation, DivisionByZero, Overflow):
            return None
        exact = not limited.flags[Inexact] and all(operand.exact for operand in operands)
        return Number.within(value, exact)

    @staticmethod
    def quotient(dividend, divisor):
        """Of exact numbers, however many digits they have: it is rounded once."""
        if divisor == 0:
            return None
        exact, limited = Fraction(dividend) / Fraction(divisor), context(76)
        value = limited.divide(Decimal(exact.numerator), Decimal(exact.denominator))
        return Number.within(value, not limited.flags[Inexact])

    def root(self):
        limited = context(76)
        value = limited.sqrt(self.value)
        return Number.within(value, self.exact and not limited.flags[Inexact])

    def to_the(self, exponent):
        found = power(self.value, exponent.value, 76)
        return found and Number.within(found[0], not found[1] and self.exact and exponent.exact)

    def answered(self):
        """As an answer has it: all digits of what is exact, else 15, but never fewer than there are before the point."""
        if self.exact:
            return self.value
        if self.value.adjusted() + 1 >= ANSWER_DIGITS:
            return self.value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN, context=WIDE)
        return context(ANSWER_DIGITS).plus(self.value)


def of_fact(value):
    """A number of one fact: to 28 digits and 28 places, half to even; None with more before the point."""
    if value is None or not value.is_finite():
        return None
    # Nothing has a power of ten of its own here, which is no digit before the point.
    if value.is_zero():
        return Decimal(0)
    if value.adjusted() >= 0:
        value = context(FACT_DIGITS).plus(value)
        return value if value.adjusted() < FACT_DIGITS else None
    if -value.as_tuple().exponent > FACT_DIGITS:
        value = value.quantize(Decimal(1).scaleb(-FACT_DIGITS), rounding=ROUND_HALF_EVEN, context=WIDE)
    return value
