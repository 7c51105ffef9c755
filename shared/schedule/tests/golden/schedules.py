#!/usr/bin/env python3
"""Small projects with the earliest end that any plan of them has, found by an exact solver and not by the Rust code.

    pip install ortools
    python3 shared/schedule/tests/golden/schedules.py > shared/schedule/tests/golden/schedules.json

writes the table that tests/schedules/golden.rs compares with. The model is the one that src/lib.rs describes. The projects
are random with a fixed seed. An end is written only when the solver (CP-SAT) has proven that there is no earlier one; otherwise the
script stops. Times inside of the model are whole hours, since all work and all days here are.
"""

import json
import random
import sys
from datetime import date, timedelta

from ortools.sat.python import cp_model

PROJECTS = 100
SEED = 20251111
DAYS = 400  # No first plan is longer, or the script stops.
HOUR = 60
FULL_DAY = 8
SKILLS = ["batch_integration", "streaming_non_architected", "kpi", "testing"]


# ---------------------------------------------------------------------------------------------- projects

def later(start, days):
    return (start + timedelta(days=days)).isoformat()


def span(rng, start, longest, within):
    first = rng.randrange(within)
    return {"from": later(start, first), "to": later(start, first + rng.randrange(longest))}


def person(rng, index, start):
    hours = rng.choice([8, 8, 8, 6, 5, 4])
    week = [hours * HOUR] * 5 + [0, 0]
    if rng.random() < 0.2:
        week[rng.randrange(5)] = 0
    made = {"id": f"P{index}", "skills": [], "weekday_minutes": week}
    if rng.random() < 0.5:
        made["absences"] = [span(rng, start, 7, 40) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.4:
        made["commitments"] = [{**span(rng, start, 15, 30), "minutes_per_day": rng.choice([1, 2, 3, 4]) * HOUR}]
    return made


def task(rng, index, start, skills):
    made = {"key": f"T{index}", "title": f"Task {index}", "phase": "data_integration", "skill": rng.choice(skills),
            "work_minutes": rng.randint(8, 70) * HOUR}
    # Mostly a few tasks before, so that there is something to be done at the same time.
    count = min(index, rng.choice([0, 0, 1, 1, 1, 2, 2, 3]))
    made["depends_on"] = [f"T{before}" for before in sorted(rng.sample(range(max(0, index - 6), index), min(count, index, 6)))]
    if rng.random() < 0.1:
        made["not_before"] = later(start, rng.randrange(25))
    return made


def project(rng):
    start = date(2026, 1, 5) + timedelta(days=rng.randrange(365))
    people = [person(rng, index, start) for index in range(rng.randint(2, 4))]
    skills = rng.sample(SKILLS, rng.randint(1, min(3, len(people))))
    for index, skill in enumerate(skills):
        people[index]["skills"].append(skill)
    for each in people:
        more = [skill for skill in skills if skill not in each["skills"] and rng.random() < 0.45]
        each["skills"] += more or ([] if each["skills"] else [rng.choice(skills)])
    tasks = [task(rng, index, start, skills) for index in range(rng.randint(8, 13))]
    waited = {key for each in tasks for key in each["depends_on"]}
    end = {"key": "END", "title": "End", "phase": "go_live", "work_minutes": 0,
           "depends_on": [each["key"] for each in tasks if each["key"] not in waited]}
    holidays = [span(rng, start, 3, 45) for _ in range(rng.randint(0, 2))]
    return {"start": start.isoformat(), "tasks": tasks + [end], "people": people, "holidays": holidays}


# ---------------------------------------------------------------------------------------------- the model

def has(spans, day):
    return any(each["from"] <= day <= each["to"] for each in spans)


def hours_of(project, person):
    """Hours that a person has, day by day."""
    start, days = date.fromisoformat(project["start"]), []
    for number in range(DAYS):
        day = start + timedelta(days=number)
        minutes = person["weekday_minutes"][day.weekday()]
        minutes -= sum(each["minutes_per_day"] for each in person.get("commitments", []) if has([each], day.isoformat()))
        off = has(project["holidays"] + person.get("absences", []), day.isoformat())
        days.append(0 if off else max(0, minutes) // HOUR)
    return days


def scales(days):
    """Hours worked before each time, and the time at which so many hours have been worked."""
    before, ends, total = [], [0], 0
    for number, hours in enumerate(days):
        before += [total + min(hour, hours) for hour in range(FULL_DAY)]
        ends += [number * FULL_DAY + hour + 1 for hour in range(hours)]
        total += hours
    return before + [total], ends


def first_plan(project, tables):
    """Some plan: the tasks as they are given, each after all others of its person. Its end, and who does what from which hour on."""
    free, ends, plan = [0] * len(tables), {}, []
    for each in project["tasks"]:
        ready = max([release_of(project, each)] + [ends[key] for key in each["depends_on"]])
        work, options = each["work_minutes"] // HOUR, []
        for who, one in enumerate(project["people"] if work else []):
            if each["skill"] in one["skills"]:
                begin = max(free[who], tables[who][0][ready])
                options.append((tables[who][1][begin + work], who, begin))
        ends[each["key"]], who, begin = min(options) if work else (ready, None, None)
        if work:
            free[who] = begin + work
        plan.append((ends[each["key"]], who, begin))
    return max(ends.values()), plan


def release_of(project, task):
    start = date.fromisoformat(project["start"])
    return max(0, (date.fromisoformat(task.get("not_before", project["start"])) - start).days * FULL_DAY)


def windows(project, tables, last):
    """The first and the last end that each task can have, as if everybody could do everything at once."""
    tasks = {each["key"]: each for each in project["tasks"]}
    people = {key: [who for who, one in enumerate(project["people"]) if each.get("skill") in one["skills"]] for key, each in tasks.items()}
    first, latest = {}, {key: last for key in tasks}
    for key, each in tasks.items():
        ready, work = max([release_of(project, each)] + [first[before] for before in each["depends_on"]]), each["work_minutes"] // HOUR
        first[key] = min(tables[who][1][tables[who][0][ready] + work] for who in people[key]) if work else ready
    for key, each in reversed(tasks.items()):
        work = each["work_minutes"] // HOUR
        # The last begin: the end of the hour before the first one that is worked.
        begins = [tables[who][1][tables[who][0][latest[key]] - work + 1] - 1 for who in people[key] if tables[who][0][latest[key]] >= work]
        begin = max(begins) if work else latest[key]
        for before in each["depends_on"]:
            latest[before] = min(latest[before], begin)
    return first, latest


def solved(project):
    """The earliest end, in hours; days have FULL_DAY of them, so the end of one is the begin of the next."""
    model, tasks, people = cp_model.CpModel(), project["tasks"], project["people"]
    index = {each["key"]: number for number, each in enumerate(tasks)}
    tables = [scales(hours_of(project, each)) for each in people]
    last, hints = first_plan(project, tables)
    first, latest = windows(project, tables, last)
    tables = [(before[:last + 1], ends[:before[last] + 1]) for before, ends in tables]
    end = [model.new_int_var(first[each["key"]], latest[each["key"]], "") for each in tasks]
    worked, intervals = {}, [[] for _ in people]

    def worked_before(other, person):
        """The hours that a person has worked when another task has ended."""
        if (other, person) not in worked:
            before, key = tables[person][0], tasks[other]["key"]
            value = model.new_int_var(before[first[key]], before[latest[key]], "")
            model.add_element(end[other] - first[key], before[first[key]:latest[key] + 1], value)
            worked[other, person] = value
        return worked[other, person]

    for number, each in enumerate(tasks):
        key, work = each["key"], each["work_minutes"] // HOUR
        others = [index[before] for before in each["depends_on"]]
        for other in others:
            model.add(end[number] >= end[other] + work)
        model.add_hint(end[number], hints[number][0])
        chosen = []
        for who, one in enumerate(people if work else []):
            before, ends = tables[who]
            low = max([before[release_of(project, each)]] + [before[first[other]] for other in each["depends_on"]])
            high = before[latest[key]] - work
            if each["skill"] not in one["skills"] or low > high:
                continue
            does, begin, done = model.new_bool_var(""), model.new_int_var(low, high, ""), model.new_int_var(0, last, "")
            model.add_element(begin - low, ends[low + work:high + work + 1], done)
            model.add(end[number] == done).only_enforce_if(does)
            for other in others:
                model.add(begin >= worked_before(other, who)).only_enforce_if(does)
            intervals[who].append(model.new_optional_fixed_size_interval_var(begin, work, does, ""))
            model.add_hint(does, hints[number][1] == who)
            chosen.append(does)
        if work:
            model.add_exactly_one(chosen)
    for each in intervals:
        model.add_no_overlap(each)
    whole = model.new_int_var(0, last, "")
    model.add_max_equality(whole, end)
    model.minimize(whole)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    solver.parameters.max_time_in_seconds = 600
    if solver.solve(model) != cp_model.OPTIMAL:
        sys.exit(f"no end was proven to be the earliest: {json.dumps(project)}")
    return round(solver.objective_value)


def optimum(project):
    start, hours = date.fromisoformat(project["start"]), solved(project)
    days, hour = (hours - 1) // FULL_DAY, (hours - 1) % FULL_DAY + 1
    standard = sum(FULL_DAY for number in range(days) if (start + timedelta(days=number)).weekday() < 5)
    standard += hour if (start + timedelta(days=days)).weekday() < 5 else 0
    return {"day": later(start, days), "minute": hour * HOUR, "standard_minutes": standard * HOUR}


rows = []
for number in range(PROJECTS):
    made = project(random.Random(SEED + number))
    rows.append(json.dumps({"name": f"random project {number}", "project": made, "optimum": optimum(made)}))
    print(number, rows[-1][-90:], file=sys.stderr)
print("[\n" + ",\n".join(rows) + "\n]")
