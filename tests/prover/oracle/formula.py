"""Formulas as docs/formulas.md describes them: words, grammar, and the constructs that one has.

A formula becomes a tree of tuples:

    ("number", text) ("text", text) ("truth", bool) ("name", name)
    ("time", text) ("negate", x) ("not", x) ("binary", operator, x, y) ("in", x, [literals], negated) ("range", x, from, to, negated)
    ("call", FUNCTION, [operands]) ("case", [(condition, value)], otherwise or None)
    ("aggregate", FUNCTION, entity, measured, unit or None, condition or None, second or None)
    ("window", FUNCTION, x, count or None, PERIOD or None, like for like) ("at", FUNCTION, x)
    ("fold", FUNCTION, [x, or x and y], PERIOD, percent or None)

What is measured is None (the facts themselves), ("attribute", name), ("between", to, from), or ("product", one, other); the second of an aggregate is one of these or
("number", text). A name may be a path, with points in it. ENTERED and its kin are aggregates, and `COUNT(DISTINCT ...)` is the function DISTINCT.
"""

import re

MOVED = ("ENTERED", "LEFT", "STAYED")
AGGREGATES = (
    "COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "MEDIAN", "PERCENTILE", "MODE", "VARIANCE", "VARIANCE_POP", "STDDEV", "STDDEV_POP", "WEIGHTED_AVG",
    "CORRELATION", "SLOPE", "ANY", "ALL", *MOVED,
)
UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3_600, "DAYS": 86_400}
CALLS = ("COALESCE", "IF", "ABS", "ROUND", "GREATEST", "LEAST", "LN", "EXP", "POWER", "STARTS_WITH", "ENDS_WITH", "CONTAINS", *UNITS)
WINDOWS = ("PREVIOUS", "SAME_PERIOD_LAST_YEAR", "TO_DATE", "ROLLING", "CUMULATIVE")
# Over the values of shorter periods, each with how many expressions it is of.
FOLDS = {
    f"{name}_PER": 1
    for name in ("SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "COUNT", "MEDIAN", "PERCENTILE", "STDDEV", "STDDEV_POP", "VARIANCE", "VARIANCE_POP", "DRAWDOWN")
} | {"CORRELATION_PER": 2, "SLOPE_PER": 2}
RULES = ("WHOLE", "LIKE_FOR_LIKE")
COMPARISONS = ("=", "!=", "<>", "<=", ">=", "<", ">")

WORDS = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<text>'(?:[^']|'')*')|(?P<sign><>|!=|<=|>=|[-+*/=<>(),.]))")


class Parser:
    def __init__(self, text):
        self.words, place = [], 0
        while text[place:].strip():
            found = WORDS.match(text, place)
            if not found:
                raise ValueError(f"unreadable at {place}: {text}")
            self.words.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        self.words.append(("end", ""))
        self.place = 0

    def is_next(self, *words, ahead=0):
        kind, word = self.words[min(self.place + ahead, len(self.words) - 1)]
        return kind in ("name", "sign") and word.upper() in words

    def is_kind(self, kind, ahead=0):
        return self.words[min(self.place + ahead, len(self.words) - 1)][0] == kind

    def take(self):
        self.place += 1
        return self.words[self.place - 1]

    def took(self, *words):
        return self.take()[1].upper() if self.is_next(*words) else None

    def need(self, word):
        if not self.took(word):
            raise ValueError(f"expected {word}, found {self.words[self.place]}")

    def name(self):
        kind, word = self.take()
        if kind != "name":
            raise ValueError(f"expected a name, found {word}")
        return word

    def listed(self):
        self.need("(")
        items = [self.expression()]
        while self.took(","):
            items.append(self.expression())
        self.need(")")
        return items

    def left(self, operators, operand):
        tree = operand()
        while operator := self.took(*operators):
            tree = ("binary", operator, tree, operand())
        return tree

    def expression(self):
        return self.left(["OR"], lambda: self.left(["AND"], self.condition))

    def condition(self):
        if self.took("NOT"):
            return ("not", self.condition())
        operand = self.sum()
        if operator := self.took(*COMPARISONS):
            return ("binary", "!=" if operator == "<>" else operator, operand, self.sum())
        negated = self.took("NOT") is not None
        if self.took("IN"):
            return ("in", operand, self.listed(), negated)
        if self.took("BETWEEN"):
            least = self.sum()
            self.need("AND")
            return ("range", operand, least, self.sum(), negated)
        if negated:
            raise ValueError(f"expected IN or BETWEEN, found {self.words[self.place]}")
        return operand

    def sum(self):
        return self.left(["+", "-"], lambda: self.left(["*", "/"], self.factor))

    def factor(self):
        return ("negate", self.factor()) if self.took("-") else self.operand()

    def operand(self):
        kind, word = self.words[self.place]
        if kind in ("number", "text"):
            self.take()
            return (kind, word if kind == "number" else word[1:-1].replace("''", "'"))
        if self.took("("):
            tree = self.expression()
            self.need(")")
            return tree
        if self.took("NOT"):
            return ("not", self.operand())
        if truth := self.took("TRUE", "FALSE"):
            return ("truth", truth == "TRUE")
        if self.is_next("TIME") and self.is_kind("text", 1):
            self.take()
            return ("time", self.take()[1][1:-1])
        word, is_called = self.name(), self.is_next("(")
        if is_called and word.upper() in AGGREGATES:
            return self.aggregate(word.upper())
        if is_called and word.upper() in CALLS:
            return ("call", word.upper(), self.listed())
        if is_called and word.upper() in WINDOWS:
            return self.window(word.upper())
        if is_called and word.upper() in FOLDS:
            return self.fold(word.upper())
        if is_called and word.upper() in ("AT_START", "AT_END"):
            return ("at", word.upper(), self.listed()[0])
        if word.upper() == "CASE" and self.is_next("WHEN"):
            return self.case()
        return ("name", self.path(word))

    def path(self, first=None):
        names = [first or self.name()]
        while self.took("."):
            names.append(self.name())
        return ".".join(names)

    def case(self):
        arms, otherwise = [], None
        while self.took("WHEN"):
            condition = self.expression()
            self.need("THEN")
            arms.append((condition, self.expression()))
        if self.took("ELSE"):
            otherwise = self.expression()
        self.need("END")
        return ("case", arms, otherwise)

    def window(self, function):
        self.need("(")
        tree, count, period, rule = self.expression(), None, None, None
        while self.took(","):
            kind, word = self.take()
            if kind == "number":
                count = int(word)
            elif word.upper() in RULES:
                rule = word.upper()
            else:
                period = word.lower()
        self.need(")")
        if function == "SAME_PERIOD_LAST_YEAR":
            count, period = 1, "year"
        return ("window", function, tree, count, period, rule == "LIKE_FOR_LIKE")

    def fold(self, function):
        self.need("(")
        operands = [self.expression()]
        for _ in range(1, FOLDS[function]):
            self.need(",")
            operands.append(self.expression())
        self.need(",")
        period, percent = self.name().lower(), self.take()[1] if self.took(",") else None
        self.need(")")
        return ("fold", function, operands, period, percent)

    def aggregate(self, function):
        self.need("(")
        if function == "COUNT" and self.is_next("DISTINCT") and self.is_kind("name", 1) and not self.is_next("WHERE", ahead=1):
            self.take()
            function = "DISTINCT"
        first, unit = self.name(), None
        if self.is_next("(") and first.upper() in UNITS:
            self.take()
            unit, first = first.upper(), self.name()
        measured = self.measured(first)
        if unit:
            self.need(")")
        second = self.second(first) if self.took(",") else None
        condition = self.expression() if self.took("WHERE") else None
        self.need(")")
        return ("aggregate", function, first, measured, unit, condition, second)

    def second(self, entity):
        return self.take() if self.is_kind("number") else self.between(entity, self.own_path(entity))

    def measured(self, entity):
        return self.between(entity, self.path()) if self.took(".") else None

    def own_path(self, entity):
        """A path, before which the entity may stand."""
        return self.path().removeprefix(f"{entity}.")

    def between(self, entity, one):
        if self.took("-"):
            return ("between", one, self.own_path(entity))
        return ("product", one, self.own_path(entity)) if self.took("*") else ("attribute", one)


def parse(text):
    parser = Parser(text)
    tree = parser.expression()
    if parser.words[parser.place][0] != "end":
        raise ValueError(f"more follows: {parser.words[parser.place]} in {text}")
    return tree


def children(tree):
    kind = tree[0]
    if kind in ("negate", "not"):
        return [tree[1]]
    if kind == "binary":
        return [tree[2], tree[3]]
    if kind == "in":
        return [tree[1]]
    if kind == "range":
        return list(tree[1:4])
    if kind in ("window", "at"):
        return [tree[2]]
    if kind in ("call", "fold"):
        return list(tree[2])
    if kind == "case":
        return [part for arm in tree[1] for part in arm] + ([tree[2]] if tree[2] else [])
    return []


def names(tree):
    """The names that a formula over one fact has."""
    found = {tree[1]} if tree[0] == "name" else set()
    return found.union(*(names(child) for child in children(tree)))


