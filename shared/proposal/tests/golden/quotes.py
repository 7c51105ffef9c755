#!/usr/bin/env python3
"""Quotes computed a second time, from the specification and not from the Rust code.

    python3 shared/proposal/tests/golden/quotes.py > shared/proposal/tests/golden/quotes.json

writes the table that tests/golden.rs compares with, to the cent. Only the standard library; nothing random. Where the
specification is silent, the reading is the one of src/disagreements.rs, and the assumed figures stand under ASSUMED.
"""

import json
import math
from decimal import ROUND_HALF_UP, Decimal as D

CHAIN_YEAR = {"one_year": (1, 35000), "three_years": (3, 32500), "five_years": (5, 30000)}
FIXED_OBJECT = {  # price, hours
    "batch_conformed": (1500, 15), "batch_single_source": (2500, 20), "batch_multi_source": (3500, 30),
    "batch_entity_resolution": (3500, 30), "streaming_architected": (2500, 20),
}
FIXED_KPI = {"out_of_the_box": (50, D("0.5")), "custom_basic": (50, D("0.5")), "rbac": (100, 1)}
CONSULTANT = D(175)
ASSUMED = {
    "users": {"minute": 500, "hour": 1000, "day": 2000}, "kpis": 250, "gb_day": 50,
    "share": {"raw": D("0.1"), "minute": D("0.05"), "hour": D("0.01"), "day": D("0.001"), "month": D("0.0001")},
    "user_gb": {"minute": D("0.5"), "hour": D("0.1"), "day": D("0.05")},
}


DIGITS = {"JPY": 0}  # of a currency's smallest unit, where they are not two


class Currency:
    """What the case at hand is paid in: the rate from dollars, and the digits of its smallest unit."""
    rate, digits = D(1), 2


def cents(amount):
    return D(amount).quantize(D(1).scaleb(-Currency.digits), ROUND_HALF_UP)


def pay(quantity, dollars):
    """A line: the price of a unit is converted first, to eight digits, and the amount follows from it."""
    return cents(quantity * (dollars * Currency.rate).quantize(D("1e-8"), ROUND_HALF_UP))


def licence(case):
    """Dollars a year, and years."""
    answers = case["answers"].get("licensing")
    if not answers or "term" not in answers:
        return D(0), None
    chains = {kpi["value_chain"].strip().lower() for kpi in case["kpis"]} - {""}
    chains |= {name.strip().lower() for name in answers.get("additional_value_chains", [])}
    years, price = CHAIN_YEAR[answers["term"]]
    return sum((pay(1, D(price)) for _ in chains), D(0)), years  # a line for each


def work(case):
    """What is paid once: each part's least and most, and the hours."""
    answers, part = case["answers"], {}
    part["data_integration"], part["kpi_implementation"] = D(0), D(0)
    hours, by_hour, consulting = [D(0), D(0)], [D(0), D(0)], [D(0), D(0)]

    def consult(low, high):
        for end, count in enumerate((low, high)):
            by_hour[end] += count
            consulting[end] += pay(count, CONSULTANT)

    for row in answers.get("data_integration", {}).values():
        if row.get("method") == "streaming_non_architected":
            consult(40, 60)
        elif "method" in row:
            price, effort = FIXED_OBJECT[row["method"]]
            part["data_integration"] += pay(1, D(price))
            hours = [hours[0] + effort, hours[1] + effort]
    for row in answers.get("kpi_implementation", {}).values():
        if row["complexity"] == "dynamic_rbac":
            consult(20, 30)
        else:
            price, effort = FIXED_KPI[row["complexity"]]
            part["kpi_implementation"] += pay(1, D(price))
            hours = [hours[0] + effort, hours[1] + effort]
    setup = answers.get("environment", {})
    architect = [D(0), D(0)]
    if setup.get("platform", "existing") != "existing":
        agreed = setup.get("cloud_architect_hours")
        architect = [D(agreed), D(agreed)] if agreed else [D(40), D(80)]
    part = {name: [amount, amount] for name, amount in part.items()}
    part["time_and_materials"] = consulting
    part["environment"] = [pay(count, CONSULTANT) for count in architect]
    total = [sum(amount[end] for amount in part.values()) for end in (0, 1)]
    return part, total, [hours[end] + by_hour[end] + architect[end] for end in (0, 1)]


YEARS = {"years1": 1, "years3": 3, "years5": 5, "years7": 7, "years10": 10, "indefinitely": 10}


def kept(answers, kind, active_default, options):
    """Days in the active database and in the archive, with regulations."""
    active = answers.get(f"{kind}_active", active_default)
    active_days = answers[f"{kind}_active_days"] if active == "custom" else int(active[len("days"):])
    archive = answers.get(f"{kind}_archive_for", "years5") if answers.get(f"{kind}_archive", True) else None
    archive_days = YEARS[archive] * 365 if archive else 0
    rules = answers.get("compliance", [])
    least = max([0] + [7] * ("sox" in rules) + [6] * ("hipaa" in rules) + [answers.get("industry_minimum_years", 0)])
    if active_days + archive_days < least * 365:
        archive_days = min(y * 365 for y in options if active_days + y * 365 >= least * 365)
    return active_days, archive_days


def infrastructure(case):
    """Dollars a month."""
    load, keep = case["answers"].get("infrastructure"), case["answers"].get("retention")
    if load is None:
        return D(0)
    daily, users, refresh = D(load["daily_volume_gb"]), load["concurrent_users"], load["refresh_period"]
    gateways = max(2, math.ceil(users / D(ASSUMED["users"]["minute"])))
    business = max(2, math.ceil(users / D(ASSUMED["users"][refresh])), math.ceil(len(case["kpis"]) / D(ASSUMED["kpis"])))
    backend = max(2, math.ceil(daily / ASSUMED["gb_day"]))
    month = pay(gateways, D(50)) + pay(3 * business, D(100)) + pay(3 * backend, D(150))
    month += pay(1, D(100))  # messages and caching
    if keep is not None:
        share = sum((ASSUMED["share"][level] for level in keep.get("granularity", ASSUMED["share"])), D(0))
        source_hot, source_cold = kept(keep, "source", "days90", [1, 3, 5, 7, 10])
        value_hot, value_cold = kept(keep, "analytics", "days365", [3, 5, 7, 10])
        month += pay(daily * (source_hot + share * value_hot), D("0.10"))
        month += pay(daily * (source_cold + share * value_cold), D("0.01"))
    traffic = load.get("monthly_transfer_gb")
    traffic = daily * 30 + users * ASSUMED["user_gb"][refresh] if traffic is None else D(traffic)
    return month + pay(traffic, D("0.09"))


def support(case):
    """Dollars a year, least and most."""
    answers = case["answers"].get("managed_services", {})
    if not answers.get("retainer"):
        return [D(0), D(0)]
    band = {"up_to50": (0, 0), "from50_to100": (50, 100), "from100_to200": (100, 200)}
    custom = answers.get("additional_hours_custom", 0)
    hours = band.get(answers.get("additional_hours"), (custom, custom))
    return [pay(1, D(5000)) + pay(count, D(75)) for count in hours]


def commercial(case, chains, once, month, help_):
    """Discounts paid once and yearly, then tax once, monthly and yearly; each least and most, each line rounded by itself."""
    terms = case.get("terms", {})
    off = {name: D(discount["percent"]) / 100 for name, discount in terms.get("discounts", {}).items()}
    less_once = [-cents(amount * off.get("implementation", 0)) for amount in once]
    less_yearly = [-cents(chains * off.get("licensing", 0)) - cents(amount * off.get("managed_services", 0)) for amount in help_]
    rate = D(terms.get("tax", {}).get("percent", 0)) / 100
    tax_once = [cents((once[end] + less_once[end]) * rate) for end in (0, 1)]
    tax_yearly = [cents((chains + help_[end] + less_yearly[end]) * rate) for end in (0, 1)]
    return less_once, less_yearly, tax_once, cents(month * rate), tax_yearly


def quoted(case):
    exchange = case.get("terms", {}).get("exchange", {"currency": "USD", "rate": "1"})
    Currency.rate, Currency.digits = D(exchange["rate"]), DIGITS.get(exchange["currency"], 2)
    chains, years = licence(case)
    part, once, hours = work(case)
    month, help_ = infrastructure(case), support(case)
    less_once, less_yearly, tax_once, tax_month, tax_yearly = commercial(case, chains, once, month, help_)
    less = [less_once[end] + less_yearly[end] for end in (0, 1)]
    tax = [tax_once[end] + tax_month * 12 + tax_yearly[end] for end in (0, 1)]
    yearly = [chains + month * 12 + help_[end] + less_yearly[end] + tax_month * 12 + tax_yearly[end] for end in (0, 1)]
    first = [once[end] + less_once[end] + tax_once[end] + yearly[end] for end in (0, 1)]
    totals = {
        "licensing_per_year": [chains] * 2, **part, "implementation": once, "implementation_hours": hours,
        "infrastructure_per_month": [month] * 2, "infrastructure_per_year": [month * 12] * 2,
        "managed_services_per_year": help_, "year_1": first, "recurring_per_year": yearly,
    }
    if years:
        totals["licensing_term"] = [chains * years] * 2
        totals["term"] = [first[end] + yearly[end] * (years - 1) for end in (0, 1)]
    if case.get("terms", {}).get("discounts"):
        totals["discounts_year_1"] = less
    if case.get("terms", {}).get("tax"):
        totals["tax_year_1"] = tax
    as_it_is = {"implementation_hours"}
    shown = lambda name, amount: str(amount if name in as_it_is else cents(amount))
    return {name: {"min": shown(name, low), "max": shown(name, high)} for name, (low, high) in totals.items()}


# ---------------------------------------------------------------------------------------------- the cases

OBJECTS = ["Customer", "Order", "Product", "Invoice", "Shipment", "Lead", "Ticket", "Contract"]
CHAINS = ["SCOR", "CRM", "Sales", "Finance", "scor ", ""]


def cart(count, objects=3, chains=2):
    return [
        {"code": f"K{i}", "objects": sorted({OBJECTS[i % objects], OBJECTS[(i * 3 + 1) % objects]}), "value_chain": CHAINS[i % chains]}
        for i in range(count)
    ]


def needed(kpis):
    return sorted({name for kpi in kpis for name in kpi["objects"]})


def case(name, kpis, **answers):
    return {"name": name, "kpis": kpis, "answers": answers}


def with_methods(kpis, *methods):
    rows = enumerate(needed(kpis))
    return {name: {"source_system": f"System {i}", "method": methods[i % len(methods)]} for i, name in rows}


def with_complexities(kpis, *complexities):
    return {kpi["code"]: {"complexity": complexities[i % len(complexities)]} for i, kpi in enumerate(kpis)}


def load(daily, users, refresh, **more):
    return {"daily_volume_gb": daily, "concurrent_users": users, "refresh_period": refresh, **more}


def cases():
    few, many = cart(2), cart(40, objects=8, chains=4)
    for term in CHAIN_YEAR:
        yield case(f"licence only, {term}", few, licensing={"term": term})
        yield case(f"licence of six chains, {term}", cart(12, chains=6), licensing={"term": term})
    yield case("an added chain that is there already", few, licensing={"term": "three_years", "additional_value_chains": ["crm", "Finance"]})
    yield case("a KPI of no chain", [{"code": "K", "objects": ["Order"], "value_chain": " "}], licensing={"term": "one_year"})
    for method in [*FIXED_OBJECT, "streaming_non_architected"]:
        yield case(f"objects by {method}", many, data_integration=with_methods(many, method))
    for kind in [*FIXED_KPI, "dynamic_rbac"]:
        yield case(f"KPIs {kind}", many, kpi_implementation=with_complexities(many, kind))
    yield case("nothing chosen of an object yet", few, data_integration={needed(few)[0]: {"source_system": "SAP"}})
    for platform in ["on_premises", "azure", "aws", "gcp", "oracle", "existing"]:
        yield case(f"environment {platform}", few, environment={"platform": platform})
    for hours in [40, 60, 80]:
        yield case(f"environment of {hours} hours", few, environment={"platform": "aws", "cloud_architect_hours": hours})
    for band in ["up_to50", "from50_to100", "from100_to200"]:
        yield case(f"support {band}", few, managed_services={"retainer": True, "additional_hours": band})
    for hours in [0, 50, 137]:
        answers = {"retainer": True, "additional_hours": "custom", "additional_hours_custom": hours}
        yield case(f"support of {hours} more hours", few, managed_services=answers)
    yield case("no support", few, managed_services={"retainer": False})
    for users in [1, 999, 1000, 1001, 25000]:
        yield case(f"load of {users} users", few, infrastructure=load("3.5", users, "minute"))
    for refresh in ["minute", "hour", "day"]:
        yield case(f"refresh by {refresh}", cart(500), infrastructure=load("120.125", 4001, refresh), retention={})
    yield case("no volume", few, infrastructure=load("0", 10, "day"), retention={})
    yield case("traffic that is known", few, infrastructure=load("10", 10, "day", monthly_transfer_gb="1000"))
    for number, keep in enumerate([
        {"source_active": "days30", "source_archive": False, "analytics_active": "days90", "analytics_archive": False},
        {"source_active": "custom", "source_active_days": 1000, "source_archive_for": "indefinitely"},
        {"analytics_active": "custom", "analytics_active_days": 1, "granularity": ["month"]},
        {"granularity": ["hour", "day", "month"], "analytics_archive_for": "years3"},
        {"compliance": ["sox", "gdpr"]}, {"compliance": ["hipaa"]}, {"compliance": ["hipaa"], "source_active": "days365"},
        {"compliance": ["sox"], "source_archive": False, "analytics_archive": False},
        {"compliance": ["industry"], "industry_regulation": "Solvency", "industry_minimum_years": 10, "source_archive_for": "years1"},
        {"compliance": ["gdpr", "iso27001"], "source_archive_for": "indefinitely", "analytics_active": "days730"},
        # Half a cent, which is rounded up.
        {"source_active": "days30", "source_archive": False, "analytics_archive": False, "granularity": ["day"], "analytics_active": "custom", "analytics_active_days": 600},
    ]):
        yield case(f"retention {number}", few, infrastructure=load("7.25", 300, "hour"), retention=keep)
        yield case(f"retention {number}, uneven", few, infrastructure=load("0.333333", 77, "minute"), retention=keep)
    three = {"Customer": {"source_system": "Salesforce CRM", "method": "streaming_architected"},
             "Order": {"source_system": "SAP ERP", "method": "batch_single_source"},
             "Product": {"source_system": "Internal DB", "method": "batch_conformed"}}
    document = [{"code": "POF", "objects": ["Customer", "Order"], "value_chain": "SCOR"}, {"code": "OTD", "objects": ["Product"], "value_chain": "CRM"}]
    whole = dict(
        licensing={"term": "three_years"}, data_integration=three, kpi_implementation={"POF": {"complexity": "out_of_the_box"}, "OTD": {"complexity": "rbac"}},
        environment={"platform": "aws", "cloud_architect_hours": 60}, retention={}, infrastructure=load("5", 1000, "minute", monthly_transfer_gb="1000"),
        managed_services={"retainer": True, "additional_hours": "custom", "additional_hours_custom": 50})
    yield case("the document", document, **whole)
    yield case("everything by the hour", many, **{**whole, "licensing": {"term": "five_years"}, "data_integration": with_methods(many, "streaming_non_architected", "batch_multi_source"),
               "kpi_implementation": with_complexities(many, "dynamic_rbac", "rbac", "custom_basic"), "environment": {"platform": "oracle"},
               "managed_services": {"retainer": True, "additional_hours": "from100_to200"}})
    discount = {"percent": "7.35", "reason": "Reference customer"}
    every = {"licensing": discount, "implementation": {**discount, "percent": "12.5"}, "managed_services": {**discount, "percent": "0.01"}}
    vat = {"name": "VAT", "percent": "19"}
    for terms in [{"discounts": {"licensing": discount}}, {"discounts": every}, {"tax": vat}, {"discounts": every, "tax": {**vat, "percent": "8.1"}}]:
        yield {**case(f"the document with {' and '.join(terms)}", document, **whole), "terms": terms}
        by_hour = {"environment": {"platform": "aws"}, "managed_services": {"retainer": True, "additional_hours": "from50_to100"}}
        yield {**case(f"ranges with {' and '.join(terms)}", document, **{**whole, **by_hour}), "terms": terms}
    for currency, rate in [("EUR", "0.921734"), ("JPY", "151.255"), ("GBP", "0.789999"), ("CHF", "0.000001"), ("SEK", "9.333333")]:
        terms = {"exchange": {"currency": currency, "rate": rate}}
        yield {**case(f"the document in {currency}", document, **whole), "terms": terms}
        yield {**case(f"the document in {currency} with discounts and tax", document, **whole), "terms": {**terms, "discounts": every, "tax": vat}}
        yield {**case(f"ranges in {currency}", many, **{**whole, **by_hour, "data_integration": with_methods(many, "streaming_non_architected", "batch_conformed"),
                 "kpi_implementation": with_complexities(many, "dynamic_rbac", "rbac")}), "terms": terms}
    yield case("only a cart", few)


rows = ",\n".join(json.dumps({**each, "totals": quoted(each)}) for each in cases())
print(f"[\n{rows}\n]")
