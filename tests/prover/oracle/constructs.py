"""Every construct that is counted. Add a new one here (`node`, or `constructs` for what belongs to an aggregate), how it is written in formula.py, what computes it
(measures.py, answers.py, rows.py, windows.py), and in the tables of the generator (tests/src/prover): a test holds that both know the same."""

from formula import FOLDS, MOVED, UNITS, children, names
from periods import instant

COMPARISONS = ["=", "!=", "<", "<=", ">", ">="]
CHOICES = ["COALESCE", "IF", "IF without else", "CASE", "CASE without ELSE"]
ARITHMETIC = ["number", "-x", "+", "-", "*", "/"]
FUNCTIONS = ["ABS", "ROUND", "ROUND to places", "GREATEST", "LEAST", "LN", "EXP", "POWER"]
LOGIC = ["AND", "OR", "NOT", "TRUE"]
RANGES = ["BETWEEN", "NOT BETWEEN"]
TEXTS = ["STARTS_WITH", "ENDS_WITH", "CONTAINS"]

# Over one fact, what the database can decide of it, and what is computed besides.
COMPARED = [*COMPARISONS, *RANGES, "= ''", "!= ''", "IN", "NOT IN", "IN with ''", "NOT IN with ''", *LOGIC, *CHOICES, *TEXTS]
ROWS = [*COMPARED, *ARITHMETIC, *FUNCTIONS]

EXACT = [
    "COUNT DISTINCT", "MEDIAN", "PERCENTILE", "MODE", "VARIANCE", "VARIANCE_POP", "STDDEV", "STDDEV_POP", "WEIGHTED_AVG", "CORRELATION", "SLOPE", "ANY", "ALL",
]
WINDOWS = [
    "PREVIOUS", "PREVIOUS of a period", "SAME_PERIOD_LAST_YEAR", "LIKE_FOR_LIKE", "TO_DATE", "ROLLING", "ROLLING of a period", "CUMULATIVE", "PREVIOUS of a stretch",
]
STATES = ["AT_START", "AT_END", *MOVED]
PATHS = ["path", "path in a condition", "product", "product with a path"]

KPIS = [
    "COUNT", "COUNT of an attribute", "SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "difference of times", "WHERE", "two entities", "other KPI", *EXACT, "ANY as a condition",
    *WINDOWS, *FOLDS, "fold in a window", "window in a fold", *STATES, *PATHS, *UNITS, *(f"{unit} inside" for unit in UNITS), *COMPARISONS, *RANGES, "IN", "NOT IN", *LOGIC, *CHOICES, *ARITHMETIC, *FUNCTIONS,
]

PERIODS = ["minute", "hour", "day", "week", "month", "quarter", "year", "fiscal_month", "fiscal_quarter", "fiscal_year"]

CIRCUMSTANCES = [
    *(f"by {period}" for period in PERIODS), "week from another day", "fiscal months", "fiscal weeks", "zone of the question", "clocks change",
    "filter", "filter of what is missing", "split", "split by several", "late", "sent twice", "corrected", "open bucket",
    "target", "warning", "critical", "target of a band", "split by a path", "filter by a path", "path as of the fact", "path as of now", "path to a key",
    "path of several steps", "approximate percentile", "approximate distinct",
]

CONSTRUCTS = [
    *KPIS, *(f"WHERE {construct}" for construct in ROWS), *(f"WHERE of facts {construct}" for construct in [*COMPARED, "number", "-", "TIME", *UNITS]),
    *(f"derived {construct}" for construct in [*ROWS, "TIME", *UNITS]), *CIRCUMSTANCES,
]


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
    if kind == "range":
        return "NOT BETWEEN" if tree[4] else "BETWEEN"
    if kind == "fold":
        return tree[1]
    return {"negate": "-x", "not": "NOT", "number": "number", "truth": "TRUE", "time": "TIME", "at": tree[1]}.get(kind)


def constructs(tree, dimensions, place=""):
    """The constructs of a formula: those after WHERE and of derived attributes with that word before them."""
    found = {place + node(tree)} if node(tree) else set()
    if tree[0] == "name" and not place:
        found = {"other KPI"}
    if tree[0] == "aggregate":
        found = of_aggregate(tree, dimensions)
    if tree[0] == "window":
        found = of_window(tree)
    if tree[0] == "fold" and any(has(part, ("window",)) for part in children(tree)):
        found.add("window in a fold")
    if not place and {"ANY", "ALL"} & {part[1] for part in conditions(tree) if part[0] == "aggregate"}:
        found.add("ANY as a condition")
    return found.union(*(constructs(child, dimensions, place) for child in children(tree)))


def of_aggregate(tree, dimensions):
    _, function, entity, measured, unit, condition, second = tree
    found = {"COUNT of an attribute" if function == "COUNT" and measured else "COUNT DISTINCT" if function == "DISTINCT" else function}
    if "between" in (measured and measured[0], second and second[0]):
        found.add("difference of times")
    if unit:
        found.add(f"{unit} inside")
    paths = [name for of in (measured, second) if of and of[0] != "number" for name in of[1:] if "." in name]
    if measured and measured[0] == "product":
        found |= {"product", "product with a path"} if paths else {"product"}
    elif paths:
        found.add("path")
    if condition:
        if any("." in name for name in names(condition)):
            found.add("path in a condition")
        is_of_dimensions = names(condition) <= dimensions[entity]
        found |= {"WHERE"} | constructs(condition, dimensions, "WHERE " if is_of_dimensions else "WHERE of facts ")
    return found


def of_window(tree):
    _, function, inside, _, period, is_like = tree
    found = {f"{function} of a period" if period and function in ("PREVIOUS", "ROLLING") else function}
    if is_like:
        found.add("LIKE_FOR_LIKE")
    if function in ("PREVIOUS", "SAME_PERIOD_LAST_YEAR") and has(inside, ("window",), ("TO_DATE", "ROLLING", "CUMULATIVE")):
        found.add("PREVIOUS of a stretch")
    if has(inside, ("fold",)):
        found.add("fold in a window")
    return found


def has(tree, kinds, functions=None):
    """Whether a tree has a node of some kinds, or of these with some functions."""
    return (tree[0] in kinds and (functions is None or tree[1] in functions)) or any(has(child, kinds, functions) for child in children(tree))


def conditions(tree):
    """What stands as a condition right below a node."""
    if tree[0] == "case":
        return [condition for condition, _ in tree[1]]
    if tree[0] == "call" and tree[1] == "IF":
        return tree[2][:1]
    if tree[0] == "not" or (tree[0] == "binary" and tree[1] in ("AND", "OR")):
        return children(tree)
    return []


def circumstances(world, question, kpi):
    client, period, calendar = world.clients[question["client"]], question["period"], world.calendar(question)
    bounds = calendar.align(period, *(instant(question[end]) for end in ("from", "to")))
    fiscal = period.startswith("fiscal")
    holds = {
        f"by {period}": True,
        "week from another day": period == "week" and calendar.week_starts != 0,
        "fiscal months": fiscal and not calendar.weeks and calendar.first_month != 1,
        "fiscal weeks": fiscal and calendar.weeks,
        "zone of the question": question["zone"] and question["zone"] != client["zone"],
        "clocks change": any(bounds[0] < change < bounds[1] for change in calendar.clocks.changes),
        "filter": question["filter"],
        "filter of what is missing": any("" in values for values in question["filter"].values()),
        "split": question["by"],
        "split by several": len(question["by"]) > 1,
        "two entities": len(kpi.entities()) > 1,
        "open bucket": bounds[0] <= instant(question["now"]) < bounds[1] and any(key.steps or key.at or key.each for key in kpi.measures),
        "split by a path": any("." in name for name in question["by"]),
        "filter by a path": any("." in name for name in question["filter"]),
    }
    entities = world.entities[question["client"]]
    for measure in kpi.measures.values():
        for path in (name for name in {*measure.names(), *question["by"], *question["filter"]} if "." in name):
            holds |= dict.fromkeys(of_path(entities[measure.entity], path), True)
    happened = set().union(*(world.happened[question["client"]][code] for code in kpi.entities()))
    return {name for name, applies in holds.items() if applies} | happened


def of_path(entity, path):
    """What the objects are that a path looks up, and as of when."""
    *steps, _ = path.split(".")
    found = {"path of several steps"} if len(steps) > 1 else set()
    for step in steps:
        entity, as_of_fact = entity.leads[step]
        found.add("path to a key" if not entity.state else "path as of the fact" if as_of_fact else "path as of now")
    return found
