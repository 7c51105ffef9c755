// A KPI's latest buckets: fetched first, so that there is something at once, and live from then on.
import type { Refusal, Snapshot, Topic } from "@analytics-engine/live-client";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { askSeries, askValue } from "../api/batch.ts";
import { Problem } from "../api/client.ts";
import type { KpiValue, Series } from "../api/queries.ts";
import { useApi } from "../context.tsx";
import { type OfferedPeriod, rangeOf } from "../periods.ts";
import { merge, type Point } from "../points.ts";
import { useLiveState, useStreamingKpi } from "./hooks.ts";

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
  const state = useLiveState();
  const topic = useMemo((): Topic => ({ kpi, period, filter, mode, buckets: Math.min(buckets, MOST_BUCKETS) }), [kpi, period, filter, mode, buckets]);
  const snapshot = useStreamingKpi(isSeen ? topic : null);
  const query = useQuery({
    queryKey: ["latest", kpi, period, buckets, filter],
    queryFn: () => askSeries(api, { kpi, period, filter: filter as Record<string, string[]>, gaps: "fill", ...rangeOf(period, buckets, Date.now()) }),
    enabled: isSeen,
    staleTime: TARGET_MS,
    refetchInterval: state === "live" && snapshot.state !== "refused" ? false : POLL_MS,
  });
  const rows = useNewest(snapshot, query.dataUpdatedAt);
  const points = useMemo(() => {
    const merged = merge(query.data, rows, mode === "closed" ? buckets + 1 : buckets);
    return mode === "closed" ? withoutOpen(merged, rows) : merged;
  }, [query.data, rows, buckets, mode]);
  const refused = snapshot.state === "refused" && snapshot.refusal ? refusedBy(snapshot.refusal) : null;
  return {
    points,
    series: query.data,
    snapshot,
    error: points.length > 0 ? null : (query.error ?? refused),
    isLoading: points.length === 0 && query.isLoading,
    retry: () => void query.refetch(),
  };
}

const NO_ROWS: Snapshot["rows"] = [];

/** Live rows count more than what was fetched; those from before a break count less than what was fetched since. */
function useNewest(snapshot: Snapshot, fetchedAt: number): Snapshot["rows"] {
  const liveAt = useRef(0);
  if (snapshot.state === "live") liveAt.current = Date.now();
  return snapshot.state === "live" || fetchedAt <= liveAt.current ? snapshot.rows : NO_ROWS;
}

/** A refusal of the live protocol, as the API would have it. */
function refusedBy({ kind, detail, hint }: Refusal): Problem {
  return new Problem(kind === "forbidden" ? 403 : 422, detail, { kind, ...(hint ? { hint } : {}) });
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
