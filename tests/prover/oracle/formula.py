"""Formulas as docs/formulas.md describes them: words, grammar, and the constructs that one has.

A formula becomes a tree of tuples:

    ("number", text) ("text", text) ("truth", bool) ("name", name)
    ("negate", x) ("not", x) ("binary", operator, x, y) ("in", x, [literals], negated)
    ("call", FUNCTION, [operands]) ("case", [(condition, value)], otherwise or None)
    ("aggregate", FUNCTION, entity, measured, unit or None, condition or None)

What is measured is None (the facts themselves), ("attribute", name), or ("between", to, from).
"""

import re

AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST", "LAST")
UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3_600, "DAYS": 86_400}
CALLS = ("COALESCE", "IF", "ABS", "ROUND", "GREATEST", "LEAST", "LN", "EXP", "POWER", *UNITS)
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

    def is_next(self, *words):
        kind, word = self.words[self.place]
        return kind in ("name", "sign") and word.upper() in words

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
        if self.took("IN"):
            return ("in", operand, self.listed(), False)
        if self.took("NOT"):
            self.need("IN")
            return ("in", operand, self.listed(), True)
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
        word, is_called = self.name(), self.is_next("(")
        if is_called and word.upper() in AGGREGATES:
            return self.aggregate(word.upper())
        if is_called and word.upper() in CALLS:
            return ("call", word.upper(), self.listed())
        if word.upper() == "CASE" and self.is_next("WHEN"):
            return self.case()
        return ("name", word)

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

    def aggregate(self, function):
        self.need("(")
        first, unit = self.name(), None
        if self.is_next("(") and first.upper() in UNITS:
            self.take()
            unit, first = first.upper(), self.name()
        measured = self.measured(first)
        if unit:
            self.need(")")
        condition = self.expression() if self.took("WHERE") else None
        self.need(")")
        return ("aggregate", function, first, measured, unit, condition)

    def measured(self, entity):
        if not self.took("."):
            return None
        to = self.name()
        if not self.took("-"):
            return ("attribute", to)
        since = self.name()
        if self.took("."):
            if since != entity:
                raise ValueError(f"{since} is not {entity}")
            since = self.name()
        return ("between", to, since)


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
    if kind == "call":
        return tree[2]
    if kind == "case":
        return [part for arm in tree[1] for part in arm] + ([tree[2]] if tree[2] else [])
    return []


def aggregates(tree):
    """The aggregates of a KPI's formula, each once."""
    if tree[0] == "aggregate":
        return [tree]
    found = []
    for child in children(tree):
        found += [aggregate for aggregate in aggregates(child) if aggregate not in found]
    return found


def names(tree):
    """The names that a formula over one fact has."""
    found = {tree[1]} if tree[0] == "name" else set()
    return found.union(*(names(child) for child in children(tree)))


def node(tree):
    """The construct that the root of a tree is, as the table of the generator calls it."""
    kind = tree[0]
    if kind == "call":
        function, operands = tree[1], tree[2]
        if function == "IF" and len(operands) == 2:
            return "IF without else"
        if function == "ROUND" and len(operands) == 2:
            return "ROUND to places"
        return function
    if kind == "case":
        return "CASE" if tree[2] else "CASE without ELSE"
    if kind == "binary":
        is_empty = ("text", "") in (tree[2], tree[3])
        return f"{tree[1]} ''" if is_empty else tree[1]
    if kind == "in":
        word = "NOT IN" if tree[3] else "IN"
        return f"{word} with ''" if ("text", "") in tree[2] else word
    return {"negate": "-x", "not": "NOT", "number": "number", "truth": "TRUE"}.get(kind)


def constructs(tree, place=""):
    """The constructs of a formula: those after WHERE and of derived attributes with that word before them."""
    found = {place + node(tree)} if node(tree) else set()
    if tree[0] == "aggregate":
        _, function, _, measured, unit, condition = tree
        found = {function}
        if function == "COUNT" and measured:
            found = {"COUNT of an attribute"}
        if measured and measured[0] == "between":
            found.add("difference of times")
        if unit:
            found.add(f"{unit} inside")
        if condition:
            found |= {"WHERE"} | constructs(condition, "WHERE ")
    return found.union(*(constructs(child, place) for child in children(tree)))
