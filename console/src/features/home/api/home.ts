import { useQuery } from "@tanstack/react-query";
import { calculate, type Kpi, type Series } from "~/lib/api/queries.ts";
import { Problem, unwrap } from "~/lib/api/client.ts";
import { useApi } from "~/lib/context.tsx";
import { changeInPercent } from "~/lib/numbers.ts";
import { rangeOf } from "~/lib/periods.ts";
import type { Value } from "@analytics-engine/live-client";

const HEALTH_MS = 15_000;
const MOVED_MS = 60_000;

/** KPIs that are looked through for those that moved: two calls of questions. */
const MOST_KPIS = 256;

/** The bucket that is open, the one before, and the one that it is compared with. */
const BUCKETS = 3;

/** What is compared: hours, and minutes where there are not two full hours of data yet. */
const PERIODS = ["hour", "minute"] as const;

export interface Moved {
  readonly period: (typeof PERIODS)[number];
  readonly kpis: readonly Kpi[];
}

/** Whether all services work. Something that does not is an answer as well. */
export function useHealth() {
  const api = useApi();
  return useQuery({
    queryKey: ["health"],
    queryFn: async ({ signal }) => {
      try {
        const { status } = await unwrap(api.GET("/v1/health", { signal }));
        return { status, at: Date.now() };
      } catch (error) {
        if (error instanceof Problem && error.status === 503) return { status: "failing" as const, at: Date.now() };
        throw error;
      }
    },
    refetchInterval: HEALTH_MS,
    retry: 1,
  });
}

export function useUsage() {
  const api = useApi();
  return useQuery({ queryKey: ["usage"], queryFn: ({ signal }) => unwrap(api.GET("/v1/usage", { signal })), refetchInterval: MOVED_MS });
}

/** KPIs, those first that changed most from one full bucket to the next. */
export function useMoved(kpis: readonly Kpi[] | undefined) {
  const api = useApi();
  return useQuery({
    queryKey: ["moved", kpis?.map((kpi) => kpi.code)],
    queryFn: async ({ signal }): Promise<Moved> => {
      const some = (kpis ?? []).slice(0, MOST_KPIS);
      for (const period of PERIODS) {
        const range = rangeOf(period, BUCKETS, Date.now());
        const answers = await calculate(
          api,
          some.map((kpi) => ({ kpi: kpi.code, period, gaps: "fill", ...range })),
          signal,
        );
        const changes = answers.map((answer) => ("series" in answer ? changeOf(answer.series) : null));
        if (changes.every((change) => change === null) && period !== PERIODS.at(-1)) continue;
        const size = new Map(some.map((kpi, index) => [kpi, Math.abs(changes[index] ?? 0)]));
        return { period, kpis: some.sort((one, other) => (size.get(other) ?? 0) - (size.get(one) ?? 0)) };
      }
      return { period: "minute", kpis: some };
    },
    enabled: kpis !== undefined && kpis.length > 0,
    staleTime: MOVED_MS,
  });
}

function changeOf({ points }: Series): number | null {
  const [before, last] = points.slice(-BUCKETS, -1).map((point) => point.value as Value | undefined);
  return changeInPercent(last, before);
}
