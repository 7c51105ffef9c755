// Which dimensions KPIs share: those of every entity that their formulas read.
import { useQueries } from "@tanstack/react-query";
import { unwrap } from "./api/client.ts";
import { dimensionsOf, type Kpi, useEntities } from "./api/queries.ts";
import { useApi } from "./context.tsx";

const DEFINITIONS_MS = 60_000;

/** Dimensions by which all of these KPIs can be split and filtered; undefined until that is known. */
export function useSharedDimensions(kpis: readonly Kpi[]): string[] | undefined {
  const api = useApi();
  const entities = useEntities();
  const reads = useQueries({
    queries: [...new Set(kpis.map((kpi) => kpi.formula))].map((formula) => ({
      queryKey: ["formula", formula],
      queryFn: ({ signal }: { signal: AbortSignal }) => unwrap(api.POST("/v1/formulas/check", { body: { formula }, signal })),
      staleTime: DEFINITIONS_MS,
    })),
  });
  if (!entities.data || reads.some((each) => !each.data)) return undefined;
  const codes = new Set(reads.flatMap((each) => each.data?.reads.map((read) => read.entity) ?? []));
  const lists = entities.data.filter((entity) => codes.has(entity.code)).map(dimensionsOf);
  return lists.length === 0 ? [] : lists.reduce((shared, list) => shared.filter((name) => list.includes(name)));
}
