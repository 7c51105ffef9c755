"""Formulas over one fact: derived attributes, and conditions after WHERE. Each becomes its type and a function of the fact."""

import operator
from decimal import Decimal, DivisionByZero, InvalidOperation

from formula import UNITS
from numbers_of import INTEGERS, MAX_EXPONENT, WIDE, context, of_fact, power, rounded
from periods import instant

COMPARE = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
TEXTS = {"STARTS_WITH": str.startswith, "ENDS_WITH": str.endswith, "CONTAINS": operator.contains}
KPI_DIGITS = context(76)
STEP = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


def integer(value):
    return value if value is not None and value in INTEGERS else None


def strict(function):
    """No value when an operand has none."""
    return lambda *operands: None if None in operands else function(*operands)


def literal(tree):
    if tree[0] == "negate":
        return -literal(tree[1])
    if tree[0] == "time":
        return instant(tree[1])
    return Decimal(tree[1]) if tree[0] == "number" else tree[1]


def negated_if(negated, known):
    return known if known is None else known != negated


def both(is_and, left, right):
    """AND, or OR, of what may be unknown."""
    if left is (not is_and) or right is (not is_and):
        return not is_and
    return None if None in (left, right) else is_and


def comparable(text):
    return text.encode() if isinstance(text, str) else text


class Rows:
    """Compiles for an entity, whose attributes have these types."""

    def __init__(self, types):
        self.types = types

    def compile(self, tree):
        return getattr(self, f"of_{tree[0]}")(*tree[1:])

    def of_number(self, text):
        value = Decimal(text)
        if value == value.to_integral_value(context=WIDE) and int(value) in INTEGERS:
            return "integer", lambda fact, whole=int(value): whole
        return "decimal", lambda fact: value

    def of_text(self, text):
        return "text", lambda fact: text

    def of_truth(self, truth):
        return "boolean", lambda fact: truth

    def of_time(self, text):
        return "time", lambda fact, time=instant(text): time

    def of_name(self, name):
        return self.types[name], lambda fact: fact[name]

    def of_negate(self, operand):
        kind, compute = self.compile(operand)
        fit = integer if kind == "integer" else of_fact
        return kind, lambda fact: strict(lambda value: fit(-value))(compute(fact))

    def of_not(self, operand):
        _, compute = self.compile(operand)
        return "boolean", lambda fact: strict(operator.not_)(compute(fact))

    def of_in(self, operand, items, negated):
        _, compute = self.compile(operand)
        items = [literal(item) for item in items]
        asks_for_missing = "" in items

        def holds(fact):
            value = compute(fact)
            if asks_for_missing and value in (None, ""):
                return not negated
            return None if value is None else (value in items) != negated

        return "boolean", holds

    def of_range(self, operand, least, most, negated):
        from_least, to_most = self.comparison(">=", operand, least), self.comparison("<=", operand, most)
        return "boolean", lambda fact: negated_if(negated, both(True, from_least(fact), to_most(fact)))

    def of_binary(self, sign, left, right):
        if sign in ("AND", "OR"):
            (_, one), (_, other) = self.compile(left), self.compile(right)
            return "boolean", lambda fact: both(sign == "AND", one(fact), other(fact))
        if sign in COMPARE:
            return "boolean", self.comparison(sign, left, right)
        return self.arithmetic(sign, self.compile(left), self.compile(right))

    def comparison(self, sign, left, right):
        if sign in ("=", "!=") and ("text", "") in (left, right):
            _, asked = self.compile(left if right == ("text", "") else right)
            return lambda fact: (asked(fact) in (None, "")) == (sign == "=")
        (_, one), (_, other) = self.compile(left), self.compile(right)
        compare = strict(lambda a, b: COMPARE[sign](comparable(a), comparable(b)))
        return lambda fact: compare(one(fact), other(fact))

    def arithmetic(self, sign, left, right):
        (kind, one), (other_kind, other) = left, right
        if (kind, other_kind) == ("time", "time"):
            seconds = strict(lambda a, b: of_fact(Decimal(a - b).scaleb(-6)))
            return "duration", lambda fact: seconds(one(fact), other(fact))
        if sign != "/" and (kind, other_kind) == ("integer", "integer"):
            whole = strict(lambda a, b: integer({"+": a + b, "-": a - b, "*": a * b}[sign]))
            return "integer", lambda fact: whole(one(fact), other(fact))
        durations = [kind, other_kind].count("duration")
        # A duration divided by another is a number; a 0 beside one is none of a unit.
        result = "duration" if durations == 1 or (durations == 2 and sign != "/") else "decimal"

        def step(a, b):
            try:
                return of_fact(getattr(WIDE, STEP[sign])(Decimal(a), Decimal(b)))
            except (InvalidOperation, DivisionByZero):
                return None

        return result, lambda fact: strict(step)(one(fact), other(fact))

    def one_type(self, compiled):
        """The type of what may be any of these, and them as values of it."""
        kinds = {kind for kind, _ in compiled}
        kind = "duration" if "duration" in kinds else "decimal" if kinds == {"integer", "decimal"} else kinds.pop()
        if kind in ("duration", "decimal"):
            exact = strict(Decimal)
            return kind, [lambda fact, compute=compute: exact(compute(fact)) for _, compute in compiled]
        return kind, [compute for _, compute in compiled]

    def of_case(self, arms, otherwise):
        conditions = [self.compile(condition)[1] for condition, _ in arms]
        values = [value for _, value in arms] + ([otherwise] if otherwise else [])
        kind, values = self.one_type([self.compile(value) for value in values])

        def choose(fact):
            for condition, value in zip(conditions, values):
                if condition(fact) is True:
                    return value(fact)
            return values[-1](fact) if otherwise else None

        return kind, choose

    def of_call(self, function, operands):
        if function == "IF":
            return self.of_case([(operands[0], operands[1])], operands[2] if len(operands) > 2 else None)
        if function in TEXTS:
            lies = strict(TEXTS[function])
            (_, text), (_, part) = (self.compile(operand) for operand in operands)
            return "boolean", lambda fact: lies(text(fact), part(fact))
        places = int(literal(operands[1])) if function == "ROUND" and len(operands) > 1 else 0
        kind, values = self.one_type([self.compile(operand) for operand in (operands[:1] if function == "ROUND" else operands)])
        if function == "COALESCE":
            return kind, lambda fact: next((found for value in values if (found := value(fact)) is not None), None)
        if function in UNITS:
            return "decimal", lambda fact: strict(lambda value: of_fact(WIDE.divide(value, UNITS[function])))(values[0](fact))
        keeps = function in ("ABS", "ROUND", "GREATEST", "LEAST")
        fit = integer if keeps and kind == "integer" else of_fact
        result = kind if keeps else "decimal"
        compute = strict(lambda *values: fit(self.function(function, values, places)))
        return result, lambda fact: compute(*(value(fact) for value in values))

    @staticmethod
    def function(function, values, places):
        if function in ("GREATEST", "LEAST"):
            return max(values) if function == "GREATEST" else min(values)
        value = values[0]
        if function == "ABS":
            return abs(value)
        value = Decimal(value)
        if function == "ROUND":
            found = rounded(value, places)
            return int(found) if isinstance(values[0], int) else found
        if function == "LN":
            return KPI_DIGITS.ln(value) if value > 0 else None
        if function == "EXP":
            return KPI_DIGITS.exp(value) if abs(value) < MAX_EXPONENT else None
        found = power(value, Decimal(values[1]), 76)
        return found and found[0]
