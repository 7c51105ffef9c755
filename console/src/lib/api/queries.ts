// What several features ask of the API.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useApi } from "../context.tsx";
import { type Api, unwrap } from "./client.ts";
import type { components } from "./schema.gen.ts";

type Schemas = components["schemas"];
export type Kpi = Schemas["Kpi"];
export type Entity = Schemas["Entity"];
export type Question = Schemas["KpiQuestion"];
export type OneOfMany = Schemas["OneOfMany"];
export type KpiValue = Schemas["KpiValue"];
export type Series = Schemas["Series"];

/** A client may have 2,000 KPIs and 200 entities; a page of a list has 1,000 at most. */
const MOST_PAGES = 10;

/** A call has this many questions at most. */
const QUESTIONS_PER_CALL = 128;

/** Definitions change seldom. */
const DEFINITIONS_MS = 60_000;

async function pages<T extends { next?: string | null }, I>(read: (cursor: string | undefined) => Promise<T>, items: (page: T) => I[]): Promise<I[]> {
  const all: I[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await read(cursor);
    all.push(...items(answer));
    if (!answer.next) break;
    cursor = answer.next;
  }
  return all;
}

export function kpisQuery(api: Api) {
  return queryOptions({
    queryKey: ["kpis"],
    queryFn: ({ signal }) =>
      pages(
        (cursor) => unwrap(api.GET("/v1/kpis", { params: { query: { limit: 1000, ...(cursor ? { cursor } : {}) } }, signal })),
        (page) => page.kpis,
      ),
    staleTime: DEFINITIONS_MS,
  });
}

export function useKpis() {
  return useQuery(kpisQuery(useApi()));
}

export function useEntities() {
  const api = useApi();
  return useQuery({
    queryKey: ["entities"],
    queryFn: ({ signal }) =>
      pages(
        (cursor) => unwrap(api.GET("/v1/entities", { params: { query: { limit: 1000, ...(cursor ? { cursor } : {}) } }, signal })),
        (page) => page.entities,
      ),
    staleTime: DEFINITIONS_MS,
  });
}

/** Many answers, in the order of the questions. */
export async function calculate(api: Api, questions: Question[], signal?: AbortSignal): Promise<OneOfMany[]> {
  const answers: OneOfMany[] = [];
  for (let from = 0; from < questions.length; from += QUESTIONS_PER_CALL) {
    const body = { questions: questions.slice(from, from + QUESTIONS_PER_CALL) };
    const answer = await unwrap(api.POST("/v1/calculate", { body, ...(signal ? { signal } : {}) }));
    answers.push(...answer.answers);
  }
  return answers;
}

/** What a formula reads, by entity. */
export function useReads(formula: string | undefined) {
  const api = useApi();
  return useQuery({
    queryKey: ["formula", formula],
    queryFn: ({ signal }) => unwrap(api.POST("/v1/formulas/check", { body: { formula: formula ?? "" }, signal })),
    enabled: formula !== undefined,
    staleTime: DEFINITIONS_MS,
  });
}

/** Dimensions of an entity, by which its facts may be split and filtered. */
export function dimensionsOf(entity: Entity): string[] {
  return entity.attributes.filter((attribute) => attribute.dimension).map((attribute) => attribute.name);
}

/** Values that a dimension had lately: those of the facts of a week. */
export function useDimensionValues(kpi: string | undefined, dimension: string | undefined) {
  const api = useApi();
  return useQuery({
    queryKey: ["values", kpi, dimension],
    queryFn: async ({ signal }) => {
      const now = Date.now();
      const [answer] = await calculate(
        api,
        [{ kpi: kpi ?? "", period: "week", from: new Date(now - 7 * 86_400_000).toISOString(), to: new Date(now).toISOString(), by: [dimension ?? ""] }],
        signal,
      );
      const points = answer && "series" in answer ? answer.series.points : [];
      return [...new Set(points.map((point) => point.group?.[dimension ?? ""] ?? ""))].filter(Boolean).sort();
    },
    enabled: kpi !== undefined && dimension !== undefined,
    staleTime: DEFINITIONS_MS,
  });
}
