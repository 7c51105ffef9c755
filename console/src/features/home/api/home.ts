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

/** The hour that is open, the one before, and the one that it is compared with. */
const HOURS = 3;

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

/** KPIs, those first that changed most from one full hour to the next. */
export function useMoved(kpis: readonly Kpi[] | undefined) {
  const api = useApi();
  return useQuery({
    queryKey: ["moved", kpis?.map((kpi) => kpi.code)],
    queryFn: async ({ signal }) => {
      const some = (kpis ?? []).slice(0, MOST_KPIS);
      const range = rangeOf("hour", HOURS, Date.now());
      const answers = await calculate(
        api,
        some.map((kpi) => ({ kpi: kpi.code, period: "hour", gaps: "fill", ...range })),
        signal,
      );
      const moved = some.map((kpi, index) => {
        const answer = answers[index];
        return { kpi, size: answer && "series" in answer ? sizeOfChange(answer.series) : 0 };
      });
      return moved.sort((one, other) => other.size - one.size).map(({ kpi }) => kpi);
    },
    enabled: kpis !== undefined && kpis.length > 0,
    staleTime: MOVED_MS,
  });
}

function sizeOfChange({ points }: Series): number {
  const [before, last] = points.slice(-HOURS, -1).map((point) => point.value as Value | undefined);
  return Math.abs(changeInPercent(last, before) ?? 0);
}
