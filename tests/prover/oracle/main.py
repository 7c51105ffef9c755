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
from bounds import Bounds, Told, kinds, near, share
from cells import Question
from constructs import CONSTRUCTS, circumstances, constructs
from facts import Entity
from folds import LOOSE
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
        for entities, client in zip(self.entities, self.clients):
            for given in client["relationships"]:
                entities[given["from_entity"]].leads[given["attribute"]] = (entities[given["to_entity"]], given["resolved"] == "as_of_fact")
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
        # What is asked of a bucket that has not begun is answered as at its first moment.
        single = Question(kpi, entities, calendar, question | {"by": [], "now": max(question["now"], start)}, start, end)
        alone = single.points()
        empty = kpi.value({})
        return {
            "kpi": kpi, "goal": goal, "bounds": {"series": Bounds(asked), "value": Bounds(single)},
            "status": goal.held(asked, series, lambda bound: Question(bound, entities, calendar, question, since, until)),
            "series": (since, until, empty, series),
            "value": (start, end, empty, {(start, ()): alone.get((start, ()), (empty, 0))}),
        }


def told(answer):
    """What the product said, in the form of what is expected."""
    said = {(instant(bucket), tuple(group)): (value and Decimal(value), facts) for bucket, group, value, facts in answer["points"]}
    return instant(answer["from"]), instant(answer["to"]), answer["empty"] and Decimal(answer["empty"]), said


def exactly(cell, right, said):
    return right == said


def differences(expected, answer, is_same=exactly):
    """Where an answer differs, each as a text."""
    if "refused" in answer:
        return [f"refused: {answer['refused']}"]
    (*bounds, points), (*said_bounds, said) = expected, told(answer)
    found = [f"{what} is {said}, expected {right}" for what, said, right in zip(("from", "to", "empty"), said_bounds, bounds) if said != right]
    for cell in sorted(points.keys() | said.keys()):
        right, point = points.get(cell), said.get(cell)
        if right != point and (None in (right, point) or right[1] != point[1] or not is_same(cell, right[0], point[0])):
            found.append(f"{cell[0]} {list(cell[1])}: told {words(point)}, expected {words(right)}")
    return found


def differences_of_status(expected, answer, is_same):
    if "refused" in answer:
        return [f"refused: {answer['refused']}"]
    said = {(instant(held["bucket"]), tuple(held["group"])): (held["status"], [limit and Decimal(limit) for limit in held["limits"]]) for held in answer["held"]}

    def agree(cell):
        right, held = expected.get(cell), said.get(cell)
        return right == held or (None not in (right, held) and right[0] == held[0] and all(is_same(cell, *limits) for limits in zip(right[1], held[1])))

    wrong = [cell for cell in sorted(expected.keys() | said.keys()) if not agree(cell)]
    return [f"{cell[0]} {list(cell[1])}: held {said.get(cell)}, expected {expected.get(cell)}" for cell in wrong]


def words(point):
    return "nothing" if point is None else f"{point[0]} of {point[1]} facts"


class Judge:
    """Goes through a world and the answers that were told in it."""

    def __init__(self, case):
        self.case, self.world = case, World(case["world"])
        self.compared, self.mismatches, self.answered, self.seen = 0, [], set(), {}
        self.expected, self.told, self.numbers = {}, Told(), []

    def judge(self):
        answers = {}
        for answer in self.case["answers"]:
            answers.setdefault(answer["step"], []).append(answer)
        for number, step in enumerate(self.case["world"]["steps"]):
            refused = self.world.step(step)
            if refused is not None:
                self.expected, self.told = {}, Told()
                said = self.case["refused"][str(number)]
                if said != refused:
                    self.mismatches.append({"step": number, "route": "ingest", "question": None, "told": [f"refused {said}, expected {refused}"]})
            for answer in answers.get(number, []):
                if found := self.differences(answer):
                    self.mismatches.append({"step": number, "route": answer["route"], "question": answer["question"], "told": found})
        return self.verdict()

    def differences(self, answer):
        place, self.compared = answer["question"], self.compared + 1
        question = self.case["world"]["questions"][place]
        if place not in self.expected:
            self.expected[place] = self.world.expected(question)
        expected = self.expected[place]
        kpi, goal = expected["kpi"], expected["goal"]
        self.seen.setdefault(place, set()).update(used(self.world, question))
        is_loose = any(fold[1] in LOOSE for one in (kpi, *goal.kpis()) for fold in one.folds)
        is_same = (lambda cell, right, said: near(said, right)) if is_loose else exactly
        if answer["route"] == "status":
            return differences_of_status(expected["status"], answer, is_same)
        route = "value" if answer["route"].endswith("value") else "series"
        right = expected[route]
        if any(value is not None for value, facts in right[3].values() if facts):
            self.answered.add(place)
        if not answer.get("sketched"):
            return differences(right, answer, is_same)
        return differences(right, answer, expected["bounds"][route].allow) + self.of_sketches(answer, place, route, right[3])

    def of_sketches(self, answer, place, route, right):
        """What is wrong with an answer that is from sketches, beside its values."""
        kpi = self.expected[place]["kpi"]
        self.seen[place] |= kinds(kpi.tree)
        points = told(answer)[3]
        if route == "series" and kpi.tree[0] == "measure" and kpi.tree[1].tree[1] == "DISTINCT":
            self.numbers += [(points[cell][0], value) for cell, (value, _) in right.items() if cell in points]
        declared = any(measure.is_sketched for measure in kpi.measures.values())
        return self.told.differences(place, route, points) + ([] if declared else ["it is told to be from sketches, and none is declared"])

    def verdict(self):
        counts = Counter(construct for place in self.answered for construct in self.seen[place])
        unknown = counts.keys() - set(CONSTRUCTS)
        if unknown:
            raise SystemExit(f"constructs that the table lacks: {sorted(unknown)}")
        distinct, within = share(self.numbers)
        return {
            "questions": len(self.seen), "answered": len(self.answered), "compared": self.compared, "mismatches": len(self.mismatches),
            "told": first_of_each(self.mismatches, self.seen)[:MAX_TOLD], "constructs": counts, "distinct": distinct, "within": within,
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
        json.dump(Judge(json.load(sys.stdin)).judge(), sys.stdout)


main()
