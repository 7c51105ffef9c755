"""Every construct that is counted. Add a new one here, in formula.py (`node`, or `constructs` for what belongs to an aggregate), in what computes it (answers.py, rows.py), and
in the tables of the generator (tests/src/prover/kpis.rs, rows.rs): a test holds that both know the same."""

from periods import instant

COMPARISONS = ["=", "!=", "<", "<=", ">", ">="]
CHOICES = ["COALESCE", "IF", "IF without else", "CASE", "CASE without ELSE"]
ARITHMETIC = ["number", "-x", "+", "-", "*", "/"]
FUNCTIONS = ["ABS", "ROUND", "ROUND to places", "GREATEST", "LEAST", "LN", "EXP", "POWER"]
UNITS = ["SECONDS", "MINUTES", "HOURS", "DAYS"]
LOGIC = ["AND", "OR", "NOT", "TRUE"]

# Over one fact.
ROWS = [*COMPARISONS, "= ''", "!= ''", "IN", "NOT IN", "IN with ''", "NOT IN with ''", *LOGIC, *CHOICES, *ARITHMETIC, *FUNCTIONS]

KPIS = [
    "COUNT", "COUNT of an attribute", "SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "difference of times", "WHERE", "two entities",
    *UNITS, *(f"{unit} inside" for unit in UNITS), *COMPARISONS, "IN", "NOT IN", *LOGIC, *CHOICES, *ARITHMETIC, *FUNCTIONS,
]

PERIODS = ["minute", "hour", "day", "week", "month", "quarter", "year", "fiscal_month", "fiscal_quarter", "fiscal_year"]

CIRCUMSTANCES = [
    *(f"by {period}" for period in PERIODS), "week from another day", "fiscal months", "fiscal weeks", "zone of the question", "clocks change",
    "filter", "filter of what is missing", "split", "split by several", "late", "sent twice", "corrected",
]

CONSTRUCTS = [*KPIS, *(f"WHERE {construct}" for construct in ROWS), *(f"derived {construct}" for construct in [*ROWS, *UNITS]), *CIRCUMSTANCES]


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
    }
    happened = set().union(*(world.happened[question["client"]][code] for code in kpi.entities()))
    return {name for name, applies in holds.items() if applies} | happened

