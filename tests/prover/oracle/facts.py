"""From events to facts, as docs/files.md and docs/limits.md have it: what is refused, what is missing, and what replaces what."""

import json
from bisect import bisect_right
from datetime import datetime
from decimal import Decimal

from formula import names, parse
from numbers_of import INTEGERS, WIDE, of_fact
from periods import DAY, EARLIEST, clocks, instant
from rows import Rows

CENTURY = 3_155_760_000 * 1_000_000
MAX_TEXT_BYTES = 512


class Refused(Exception):
    pass


def number(given):
    if isinstance(given, bool) or not isinstance(given, (int, Decimal, str)):
        raise Refused("no number")
    try:
        value = Decimal(given)
    except ArithmeticError:
        raise Refused("no number") from None
    value = value.normalize(context=WIDE)
    digits, places = len(value.as_tuple().digits), -value.as_tuple().exponent
    if not value.is_finite() or digits > 28 or places > 28 or value.adjusted() >= 28:
        raise Refused("too many digits")
    return value


class Fact(dict):
    """A fact: its attributes, and by paths what is known of the objects that these mean."""

    def __init__(self, entity):
        super().__init__()
        self.entity = entity

    def __missing__(self, name):
        if "." not in name:
            raise KeyError(name)
        return self.entity.look_up(self, name, self[self.entity.time])


class Types(dict):
    """The types of attributes, and of the ends of paths."""

    def __init__(self, entity, types):
        super().__init__(types)
        self.entity = entity

    def __missing__(self, name):
        first, _, rest = name.partition(".")
        return self.entity.leads[first][0].types[rest]


class Entity:
    """An entity of a client, with its facts."""

    def __init__(self, definition, zone):
        self.code, self.time, self.key = definition["code"], definition["time"], definition.get("key", [])
        self.state = definition.get("state", [])
        self.zone = zone
        self.attributes = {attribute["name"]: attribute for attribute in definition["attributes"]}
        self.dimensions = {name for name, attribute in self.attributes.items() if attribute.get("dimension")}
        self.sketches = {(name, kind) for name, attribute in self.attributes.items() for kind in attribute.get("sketches", [])}
        self.types = {name: attribute["type"] for name, attribute in self.attributes.items()} | {self.time: "time"}
        self.types, self.leads = Types(self, self.types), {}
        self.rows = Rows(self.types)
        self.trees = {name: parse(attribute["formula"]) for name, attribute in self.attributes.items() if attribute.get("formula")}
        self.derived = {name: self.rows.compile(tree)[1] for name, tree in self.trees.items()}
        self.stored, self.batches, self.replaced, self.known = {}, set(), 0, None

    def instant(self, given):
        if isinstance(given, int) and not isinstance(given, bool):
            return given * 1_000
        try:
            moment = datetime.fromisoformat(given)
        except (TypeError, ValueError):
            raise Refused("no time") from None
        return instant(given) if moment.tzinfo else clocks(self.zone).local(moment)

    def value(self, kind, given, now):
        if given is None or given == "":
            return None
        if kind == "boolean" and isinstance(given, bool):
            return given
        if kind == "text" and isinstance(given, str) and len(given.encode()) <= MAX_TEXT_BYTES:
            return given
        if kind == "integer":
            value = number(given)
            if int(value) != value or int(value) not in INTEGERS:
                raise Refused("no integer")
            return int(value)
        if kind in ("decimal", "duration"):
            return number(given)
        if kind == "time":
            time = self.instant(given)
            if not EARLIEST <= time <= now + CENTURY:
                raise Refused("too far")
            return time
        raise Refused(f"no {kind}")

    def fact(self, event, now):
        if not isinstance(event, dict):
            raise Refused("no object")
        unknown = event.keys() - self.attributes.keys() - {self.time}
        if unknown or any(name in self.derived for name in event):
            raise Refused("unknown")
        if event.get(self.time) in (None, ""):
            raise Refused("no time")
        time = self.instant(event[self.time])
        if not EARLIEST <= time <= now + DAY:
            raise Refused("too far")
        fact = Fact(self)
        fact.update({name: self.value(self.types[name], event.get(name), now) for name in self.attributes if name not in self.derived})
        if any(fact[name] is None for name in fact if self.attributes[name].get("required")):
            raise Refused("missing")
        fact[self.time] = time
        for name in self.derived:
            self.derive(fact, name)
        return fact

    def derive(self, fact, name):
        if name in fact:
            return
        for read in names(self.trees[name]):
            if read in self.derived:
                self.derive(fact, read)
        value = self.derived[name](fact)
        if value is not None and self.types[name] == "decimal":
            value = of_fact(Decimal(value))
        # The empty text is no value.
        fact[name] = None if value == "" else value

    def reads(self, named):
        """The derived attributes among names, with those that they are derived from."""
        found, left = set(), list(named)
        while left:
            name = left.pop()
            if name in self.derived and name not in found:
                found.add(name)
                left += names(self.trees[name])
        return sorted(found)

    def ingest(self, batch, events, now):
        """The positions of the events that are refused."""
        refused, facts = [], []
        for position, text in enumerate(events):
            try:
                facts.append(self.fact(json.loads(text, parse_float=Decimal), now))
            except Refused:
                refused.append(position)
        if batch not in self.batches:
            self.batches.add(batch)
            for fact in facts:
                self.add(fact)
        return refused

    @property
    def facts(self):
        return self.stored.values()

    def add(self, fact):
        """One with the key of another replaces it."""
        names = [*self.state, self.time] if self.state else self.key
        key = tuple(fact[name] for name in names) if names else len(self.stored)
        self.replaced += key in self.stored
        self.stored[key], self.known = fact, None

    def histories(self):
        """Of each object the times of its facts, in their order, and these."""
        if self.known is None:
            self.known = {}
            for fact in sorted(self.facts, key=lambda fact: fact[self.time]):
                times, facts = self.known.setdefault(tuple(fact[name] for name in self.state), ([], []))
                times.append(fact[self.time])
                facts.append(fact)
        return self.known

    def look_up(self, fact, path, time):
        """What a path leads to from a fact, for the time of the one at which it begins."""
        first, _, rest = path.partition(".")
        other, as_of_fact = self.leads[first]
        found = None if fact[first] is None else other.told((fact[first],), time if as_of_fact else None)
        if found is None:
            return None
        return other.look_up(found, rest, time) if "." in rest else found[rest]

    def told(self, key, time):
        """The fact that tells of an object: the last one that is not after a time, or the last of all; of an entity with a key the one there is."""
        if not self.state:
            return self.stored.get(key)
        times, facts = self.histories().get(key, ([], []))
        place = len(times) if time is None else bisect_right(times, time)
        return facts[place - 1] if place else None
