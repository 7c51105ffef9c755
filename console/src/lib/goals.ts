// What a value is held against.
import type { Value } from "@analytics-engine/live-client";
import type { Kpi, KpiValue } from "./api/queries.ts";

type Goal = NonNullable<KpiValue["goal"]>;

/** Whether a KPI declares anything to be held against: asking for it is refused otherwise. */
export function declaresGoal(kpi: Kpi | undefined): boolean {
  return kpi !== undefined && (kpi.target !== undefined || kpi.warning !== undefined || kpi.critical !== undefined);
}

/** A target that is one number. */
export function targetOf(goal: Goal | null | undefined): Value {
  const target = goal?.target as Value | { from: Value; to: Value } | undefined;
  return typeof target === "number" || typeof target === "string" ? target : null;
}

/** Whether a value meets its target; null where there is none, or no way that is good. */
export function meets(value: Value | undefined, target: Value, direction: string | undefined): boolean | null {
  if (value === null || value === undefined || target === null) return null;
  if (direction === "higher_is_better") return Number(value) >= Number(target);
  if (direction === "lower_is_better") return Number(value) <= Number(target);
  return null;
}

/** A declared target or threshold, as its author wrote it. */
export function writtenGoal(goal: Kpi["target"]): string | null {
  if (goal === undefined || goal === null) return null;
  return typeof goal === "object" ? `${goal.from} … ${goal.to}` : String(goal);
}
