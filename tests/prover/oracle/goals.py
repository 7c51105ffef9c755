"""What values are held against, as docs/formulas.md has it: a target, and thresholds beyond which a value needs attention."""

from answers import Kpi

LIMITS = ("target", "warning", "critical")


def declared(kpi):
    """Each limit of a KPI with its one formula, or the two of a band."""
    goal = kpi.get("goal") or {}
    limits = {name: goal[name] for name in LIMITS if goal.get(name) is not None}
    return {name: [limit["from"], limit["to"]] if isinstance(limit, dict) else [limit] for name, limit in limits.items()}


class Goal:
    """What a KPI is held against."""

    def __init__(self, kpi, entities, others):
        self.direction = (kpi.get("goal") or {}).get("direction")
        self.limits = {name: [Kpi(formula, entities, others) for formula in formulas] for name, formulas in declared(kpi).items()}

    def kpis(self):
        return [kpi for kpis in self.limits.values() for kpi in kpis]

    def entities(self):
        return {code for kpi in self.kpis() for code in kpi.entities()}

    def held(self, asked, points, ask):
        """For each point of a question its status, and what the limits come to there; `ask` asks the same of another KPI."""
        limits = {name: [ask(kpi) for kpi in kpis] for name, kpis in self.limits.items()}
        return {cell: self.status(asked.value(cell), {name: [one.value(cell) for one in ones] for name, ones in limits.items()}) for cell in points}

    def status(self, value, limits):
        """The status, and the limits, all as they are shown."""
        shown = [number for numbers in limits.values() for number in numbers]
        if value is None or None in shown:
            return None, shown
        beyond = {name: self.is_beyond(value, *numbers) for name, numbers in limits.items()}
        warning = beyond.get("warning", beyond.get("target", False))
        return "critical" if beyond.get("critical") else "warning" if warning else "on_target", shown

    def is_beyond(self, value, limit, to=None):
        if self.direction == "between":
            return not limit <= value <= to
        return value < limit if self.direction == "higher_is_better" else value > limit
