// A KPI by the values of a dimension, live: which values there are is asked now and then, and each of the largest is watched.
import type { Topic, Value } from "@analytics-engine/live-client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { askSeries } from "~/lib/api/batch.ts";
import { useApi } from "~/lib/context.tsx";
import { useStreamingDashboard } from "~/lib/live/hooks.ts";
import type { OfferedPeriod } from "~/lib/periods.ts";

/** Groups that are shown and watched. */
const MOST_GROUPS = 12;

/** How often is looked for groups that came. */
const LOOK_MS = 30_000;

export interface Group {
  readonly name: string;
  readonly value: Value;
}

interface Split {
  readonly kpi: string;
  readonly period: OfferedPeriod;
  readonly by: string;
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly isSeen: boolean;
}

/** The groups of the open bucket, the largest first, and how many more there are. */
export function useSplit({ kpi, period, by, filters, isSeen }: Split) {
  const api = useApi();
  const query = useQuery({
    queryKey: ["split", kpi, period, by, filters],
    queryFn: async () => {
      const now = new Date().toISOString();
      const { points } = await askSeries(api, {
        kpi,
        period,
        by: [by],
        filter: filters as Record<string, string[]>,
        from: now,
        to: new Date(Date.now() + 1).toISOString(),
      });
      return points.map((point): Group => ({ name: point.group?.[by] ?? "", value: (point.value as Value | undefined) ?? null })).sort(byValue);
    },
    enabled: isSeen,
    refetchInterval: LOOK_MS,
  });
  const names = useMemo(() => (query.data ?? []).slice(0, MOST_GROUPS), [query.data]);
  const topics = useMemo(
    () => (isSeen ? names.map(({ name }): Topic => ({ kpi, period, filter: { ...filters, [by]: [name] } })) : []),
    [isSeen, names, kpi, period, filters, by],
  );
  const snapshots = useStreamingDashboard(topics);
  const groups = names.map(({ name, value }, index): Group => {
    const row = snapshots[index]?.rows.at(-1);
    return { name, value: row ? row.value : value };
  });
  return { query, groups: groups.sort(byValue), others: Math.max(0, (query.data?.length ?? 0) - MOST_GROUPS) };
}

function byValue(one: Group, other: Group): number {
  return Number(other.value ?? Number.NEGATIVE_INFINITY) - Number(one.value ?? Number.NEGATIVE_INFINITY) || one.name.localeCompare(other.name);
}
