"""Holds the answers of the product against what questions are worth by counting the facts one by one.

    python3 main.py < case.json         the verdict about a world and its answers
    python3 main.py --constructs        every construct that is counted, one a line

It shares no code with the product: it is written from docs/formulas.md, docs/periods.md, docs/files.md and docs/limits.md, and needs Python alone. What a case has is
described in tests/src/prover/world.rs.
"""

import json
import sys
from collections import Counter
from decimal import Decimal

from answers import Kpi
from cells import Question
from constructs import CONSTRUCTS, circumstances, constructs
from facts import Entity
from goals import Goal
from periods import Calendar, instant

# Wrong questions of a world, and differences of each, that are told.
MAX_TOLD, MAX_DIFFERENCES = 50, 20


class World:
    """What the clients of a world have defined, and their facts so far."""

    def __init__(self, world):
        self.world, self.now = world, instant(world["now"])
        self.clients, self.calendars, self.kpis = world["clients"], {}, {}
        self.entities = [{given["code"]: Entity(given, client["zone"]) for given in client["entities"]} for client in self.clients]
        self.is_compacted, self.happened = False, [{code: set() for code in entities} for entities in self.entities]

    def step(self, step):
        """Does what a step says; the positions of events that it refuses."""
        if step["do"] == "compact":
            self.is_compacted = True
        if step["do"] != "ingest":
            return None
        entity = self.entities[step["client"]][step["entity"]]
        happened = self.happened[step["client"]][step["entity"]]
        happened |= {"sent twice"} if step["batch"] in entity.batches else set()
        happened |= {"late"} if self.is_compacted else set()
        replaced = entity.replaced
        refused = entity.ingest(step["batch"], step["events"], self.now)
        happened |= {"corrected"} if entity.replaced > replaced else set()
        return refused

    def calendar(self, question):
        client = self.clients[question["client"]]
        key = (question["client"], question["zone"] or client["zone"])
        if key not in self.calendars:
            self.calendars[key] = Calendar(key[1], client["calendar"])
        return self.calendars[key]

    def kpi(self, question):
        key = (question["client"], question["kpi"])
        if key not in self.kpis:
            kpis = {kpi["code"]: kpi for kpi in self.clients[key[0]]["kpis"]}
            formulas = {code: kpi["formula"] for code, kpi in kpis.items()}
            entities = self.entities[key[0]]
            self.kpis[key] = Kpi(formulas[key[1]], entities, formulas), Goal(kpis[key[1]], entities, formulas)
        return self.kpis[key]

    def expected(self, question):
        """The points of a series, with what a bucket without facts has, and the point of a value."""
        (kpi, goal), entities, calendar = self.kpi(question), self.entities[question["client"]], self.calendar(question)
        since, until = calendar.align(question["period"], instant(question["from"]), instant(question["to"]))
        question = question | {"now": instant(question["now"])}
        asked = Question(kpi, entities, calendar, question, since, until)
        series = asked.points()
        start, end = calendar.bucket(question["period"], instant(question["at"]))
        alone = Question(kpi, entities, calendar, question | {"by": []}, start, end).points()
        empty = kpi.value({})
        return {
            "status": goal.held(asked, series, lambda bound: Question(bound, entities, calendar, question, since, until)),
            "series": (since, until, empty, series),
            "value": (start, end, empty, {(start, ()): alone.get((start, ()), (empty, 0))}),
        }


def told(answer):
    """What the product said, in the form of what is expected."""
    said = {(instant(bucket), tuple(group)): (value and Decimal(value), facts) for bucket, group, value, facts in answer["points"]}
    return instant(answer["from"]), instant(answer["to"]), answer["empty"] and Decimal(answer["empty"]), said


def differences(expected, answer):
    """Where an answer differs, each as a text."""
    if "refused" in answer:
        return [f"refused: {answer['refused']}"]
    if "held" in answer:
        said = {(instant(held["bucket"]), tuple(held["group"])): (held["status"], [limit and Decimal(limit) for limit in held["limits"]]) for held in answer["held"]}
        wrong = [key for key in sorted(expected.keys() | said.keys()) if expected.get(key) != said.get(key)]
        return [f"{key[0]} {list(key[1])}: held {said.get(key)}, expected {expected.get(key)}" for key in wrong]
    (*bounds, points), (*said_bounds, said) = expected, told(answer)
    found = [f"{what} is {said}, expected {right}" for what, said, right in zip(("from", "to", "empty"), said_bounds, bounds) if said != right]
    for key in sorted(points.keys() | said.keys()):
        if points.get(key) != said.get(key):
            found.append(f"{key[0]} {list(key[1])}: told {words(said.get(key))}, expected {words(points.get(key))}")
    return found


def words(point):
    return "nothing" if point is None else f"{point[0]} of {point[1]} facts"


def judge(case):
    world, compared, mismatches, answered = World(case["world"]), 0, [], set()
    answers = {}
    for answer in case["answers"]:
        answers.setdefault(answer["step"], []).append(answer)
    expected, seen = {}, {}
    for number, step in enumerate(case["world"]["steps"]):
        refused = world.step(step)
        if refused is not None:
            expected = {}
            said = case["refused"][str(number)]
            if said != refused:
                mismatches.append({"step": number, "route": "ingest", "question": None, "told": [f"refused {said}, expected {refused}"]})
        for answer in answers.get(number, []):
            place = answer["question"]
            question = case["world"]["questions"][place]
            if place not in expected:
                expected[place] = world.expected(question)
            route = answer["route"] if answer["route"] == "status" else "value" if answer["route"].endswith("value") else "series"
            right = expected[place][route]
            compared += 1
            if route != "status" and any(value is not None for value, facts in right[3].values() if facts):
                answered.add(place)
            seen.setdefault(place, set()).update(used(world, question))
            if found := differences(right, answer):
                mismatches.append({"step": number, "route": answer["route"], "question": place, "told": found})
    counts = Counter(construct for place in answered for construct in seen[place])
    unknown = counts.keys() - set(CONSTRUCTS)
    if unknown:
        raise SystemExit(f"constructs that the table lacks: {sorted(unknown)}")
    return {
        "questions": len(seen), "answered": len(answered), "compared": compared, "mismatches": len(mismatches),
        "told": first_of_each(mismatches, seen)[:MAX_TOLD], "constructs": counts,
    }


def first_of_each(mismatches, seen):
    """The first wrong answer to each question, with how many there are, and the construct that is suspected: of those it has, the one most of whose questions are wrong."""
    answers = Counter(mismatch["question"] for mismatch in mismatches)
    all_of = Counter(construct for constructs in seen.values() for construct in constructs)
    wrong = Counter(construct for place in answers if place is not None for construct in seen[place])
    first = {}
    for mismatch in mismatches:
        first.setdefault(mismatch["question"], mismatch)
    return [
        mismatch | {
            "told": mismatch["told"][:MAX_DIFFERENCES], "answers": answers[place],
            "suspect": "events" if place is None else max(seen[place], key=lambda construct: (wrong[construct] / all_of[construct], wrong[construct], construct)),
        }
        for place, mismatch in first.items()
    ]


def used(world, question):
    """The constructs of a question: of its formula, of the derived attributes that it reads, and its circumstances."""
    (kpi, goal), entities = world.kpi(question), world.entities[question["client"]]
    dimensions = {code: entity.dimensions for code, entity in entities.items()}
    found = constructs(kpi.written, dimensions)
    for measure in kpi.measures.values():
        entity = entities[measure.entity]
        named = {*question["filter"], *question["by"], *measure.names()}
        for name in entity.reads(named):
            found |= constructs(entity.trees[name], dimensions, "derived ")
    found |= set(goal.limits) | {"target of a band" for limits in goal.limits.values() if len(limits) > 1}
    return found | circumstances(world, question, kpi)


def main():
    if sys.argv[1:] == ["--constructs"]:
        print("\n".join(CONSTRUCTS))
    else:
        json.dump(judge(json.load(sys.stdin)), sys.stdout)


main()
