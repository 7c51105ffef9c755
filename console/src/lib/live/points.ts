// A KPI's latest buckets: fetched first, so that there is something at once, and live from then on.
import type { Snapshot, Topic } from "@analytics-engine/live-client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { askSeries, askValue } from "../api/batch.ts";
import type { KpiValue, Series } from "../api/queries.ts";
import { useApi } from "../context.tsx";
import { type OfferedPeriod, rangeOf } from "../periods.ts";
import { merge, type Point } from "../points.ts";
import { useLiveStatus, useStreamingKpi } from "./hooks.ts";

export type Filter = Readonly<Record<string, readonly string[]>>;

/** How often is asked while nothing is live, as where a network lets no WebSocket pass. */
const POLL_MS = 10_000;

/** A live topic has this many buckets at most; the rest of a long range is what was fetched. */
const MOST_BUCKETS = 1_440;

/** A target may be a formula: it is asked for again now and then. */
const TARGET_MS = 60_000;

export interface Latest {
  readonly points: readonly Point[];
  readonly series: Series | undefined;
  readonly snapshot: Snapshot;
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly retry: () => void;
}

interface How {
  /** `closed`: only buckets that are over. */
  readonly mode?: "live" | "closed";
  /** Nothing is watched of what nobody sees. */
  readonly isSeen?: boolean;
}

/** The newest `buckets` of a KPI. */
export function useLatest(kpi: string, period: OfferedPeriod, buckets: number, filter: Filter, { mode = "live", isSeen = true }: How = {}): Latest {
  const api = useApi();
  const { state } = useLiveStatus();
  const query = useQuery({
    queryKey: ["latest", kpi, period, buckets, filter],
    queryFn: () => askSeries(api, { kpi, period, filter: filter as Record<string, string[]>, gaps: "fill", ...rangeOf(period, buckets, Date.now()) }),
    enabled: isSeen,
    staleTime: TARGET_MS,
    refetchInterval: state === "live" || state === "connecting" ? false : POLL_MS,
    placeholderData: keepPreviousData,
  });
  const topic = useMemo((): Topic => ({ kpi, period, filter, mode, buckets: Math.min(buckets, MOST_BUCKETS) }), [kpi, period, filter, mode, buckets]);
  const snapshot = useStreamingKpi(isSeen ? topic : null);
  // What was asked before belongs to another question: it is kept only while nothing better is there.
  const isOfThis = query.data?.kpi === kpi && query.data.period === period;
  const points = useMemo(() => {
    const merged = merge(isOfThis ? query.data : undefined, snapshot.rows, mode === "closed" ? buckets + 1 : buckets);
    return mode === "closed" ? withoutOpen(merged, snapshot.rows) : merged;
  }, [isOfThis, query.data, snapshot.rows, buckets, mode]);
  const refused = snapshot.state === "refused" && snapshot.refusal ? new Error(snapshot.refusal.detail) : null;
  return {
    points,
    series: query.data,
    snapshot,
    error: points.length > 0 ? null : (query.error ?? refused),
    isLoading: points.length === 0 && query.isLoading,
    retry: () => void query.refetch(),
  };
}

/** A range that was fetched ends with the bucket that is open; rows on close tell of the newest that is not. */
function withoutOpen(points: readonly Point[], rows: Snapshot["rows"]): readonly Point[] {
  const last = rows.at(-1)?.bucket;
  return last === undefined ? points.slice(0, -1) : points.filter((point) => point.bucket <= last);
}

/** What a KPI is held against now; nothing for one that declares nothing. */
export function useGoal(kpi: string, period: OfferedPeriod, filter: Filter, declares: boolean): KpiValue["goal"] | undefined {
  const api = useApi();
  const query = useQuery({
    queryKey: ["goal", kpi, period, filter],
    queryFn: () => askValue(api, { kpi, period, filter: filter as Record<string, string[]>, status: true }),
    enabled: declares,
    staleTime: TARGET_MS,
    refetchInterval: TARGET_MS,
  });
  return query.data?.goal;
}
