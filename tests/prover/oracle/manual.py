"""Holds the oracle against the examples of docs/formulas.md, as shared/formula/tests/manual.rs holds the product against them:

    python3 manual.py docs/formulas.md
"""

import re
import sys
from decimal import Decimal

from answers import Kpi
from facts import Entity
from formula import parse
from measures import in_unit
from numbers_of import Number
from periods import instant


def tables(text):
    """The tables of a document: the cells of the header, and those of each row."""
    found, inside = [], False
    for line in text.splitlines():
        is_row = line.startswith("| ") and line.endswith(" |")
        if is_row and inside:
            found[-1][1].append([cell.strip() for cell in line[2:-2].split(" | ")])
        elif is_row:
            found.append(([cell.strip() for cell in line[2:-2].split(" | ")], []))
        inside = is_row
    return [(header, rows[1:]) for header, rows in found]


def quoted(cell):
    """What stands in back quotes; `no value` does not, and is None."""
    return [None if part == "no value" else part.strip("`") for part in re.findall(r"`[^`]*`|no value", cell)]


def value(text, kind):
    if text is None:
        return None
    if kind in ("text", "boolean"):
        return text.strip("'") if kind == "text" else text == "TRUE"
    if kind == "time":
        return instant(text)
    return int(text) if kind == "integer" else Decimal(text)


def examples(found):
    """The entities of the examples, each with the fact that its derived attributes are computed for."""
    entities, facts = {}, {}
    for header, rows in found:
        code = header[0].strip("`")
        if header[1:3] == ["type", "dimension"]:
            attributes = [{"name": row[0].strip("`"), "type": row[1]} for row in rows]
            entities[code] = Entity({"code": code, "time": "no_time_of_its_own", "attributes": attributes}, "UTC")
            facts[code] = {row[0].strip("`"): value(quoted(row[3])[0], row[1]) for row in rows}
    return entities, facts


def values(kpi, given):
    """What is given for each measure of a KPI."""
    given, found = iter(given), {}
    for key, measure in kpi.measures.items():
        value = next(given)
        if measure.function in ("ANY", "ALL"):
            # Two counts, of those that are known and of those that are true.
            known, true = value.value, next(given).value
            holds = true > 0 if measure.function == "ANY" else true == known
            value = Number(Decimal(holds)) if known else None
        # In the manual a duration is in seconds, whatever unit is asked of it.
        found[key] = in_unit(value, measure.unit) if measure.unit else value
    if list(given):
        raise ValueError("more values than measures")
    return found


def wrong(path):
    with open(path, encoding="utf-8") as file:
        found = tables(file.read())
    entities, facts = examples(found)
    kpis = {quoted(row[0])[0]: quoted(row[1])[0] for header, rows in found if header[0] == "KPI of the examples" for row in rows}
    count = 0
    for header, rows in found:
        for row in rows:
            if header == ["KPI formula", "values of its measures", "value"]:
                count += 1
                kpi = Kpi(quoted(row[0])[0], entities, kpis)
                said = kpi.evaluate(kpi.tree, values(kpi, [text and Number(Decimal(text)) for text in quoted(row[1])]))
                said, expected = said and said.answered(), quoted(row[2])[0]
                if said != (expected and Decimal(expected)):
                    yield f"{row[0]}: {said}, expected {expected}"
            elif header in (["derived attribute", "type", "value"], ["derived attribute of a ticket", "type", "value"]):
                count += 1
                code = "Ticket" if "ticket" in header[0] else "Flight"
                kind, compute = entities[code].rows.compile(parse(quoted(row[0])[0]))
                said, expected = compute(facts[code]), value(quoted(row[2])[0], row[1])
                if kind != row[1] or said != expected:
                    yield f"{row[0]}: {kind} {said}, expected {row[1]} {expected}"
    if count < 100:
        yield f"only {count} examples were found"


failures = list(wrong(sys.argv[1]))
print("\n".join(failures))
sys.exit(bool(failures))
