import { Select, type SelectProps } from "@mantine/core";
import { useKpis } from "~/lib/api/queries.ts";

/** Rows of the list that are drawn at once: a thousand KPIs are found by typing. */
const MOST_OPTIONS = 50;

/** One KPI, by name or code. */
export function KpiSelect(props: Omit<SelectProps, "data">) {
  const kpis = useKpis();
  const data = (kpis.data ?? []).map((kpi) => ({ value: kpi.code, label: kpi.name === kpi.code ? kpi.code : `${kpi.name} (${kpi.code})` }));
  return <Select searchable limit={MOST_OPTIONS} data={data} {...props} />;
}
