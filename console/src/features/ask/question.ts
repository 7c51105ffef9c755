// A question as the address of the page holds it, so that it can be sent to somebody; and its answers as a table. Pure.
import type { Value } from "@analytics-engine/live-client";
import type { Question, Series } from "~/lib/api/queries.ts";
import { isPeriod, type OfferedPeriod } from "~/lib/periods.ts";
import type { Point } from "~/lib/points.ts";

/** Lines that eyes can tell apart. */
export const MOST_KPIS = 6;

export const PRESETS = ["24h", "7d", "30d", "12m", "own"] as const;
export type Preset = (typeof PRESETS)[number];

const HOUR_MS = 3_600_000;
const SPANS: Record<Exclude<Preset, "own">, number> = { "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS, "30d": 30 * 24 * HOUR_MS, "12m": 365 * 24 * HOUR_MS };

export interface Asked {
  readonly kpis: readonly string[];
  readonly period: OfferedPeriod;
  readonly preset: Preset;
  /** Of the preset `own`: as the fields of a form have them, `2026-11-28T10:00`, by this machine's clocks. */
  readonly from: string;
  readonly to: string;
  readonly by: string | null;
  readonly filter: { readonly dimension: string; readonly values: readonly string[] } | null;
}

export const NOTHING_ASKED: Asked = { kpis: [], period: "hour", preset: "24h", from: "", to: "", by: null, filter: null };

export function toQuery(asked: Asked): URLSearchParams {
  const query = new URLSearchParams();
  for (const kpi of asked.kpis) query.append("kpi", kpi);
  query.set("period", asked.period);
  query.set("range", asked.preset);
  if (asked.preset === "own") {
    query.set("from", asked.from);
    query.set("to", asked.to);
  }
  if (asked.by) query.set("by", asked.by);
  if (asked.filter) {
    query.set("only", asked.filter.dimension);
    for (const value of asked.filter.values) query.append("value", value);
  }
  return query;
}

/** What of an address is a question; the rest is as if nothing had been said. */
export function fromQuery(query: URLSearchParams): Asked {
  const period = query.get("period");
  const preset = query.get("range") as Preset;
  const only = query.get("only");
  return {
    kpis: query.getAll("kpi").slice(0, MOST_KPIS),
    period: isPeriod(period) ? period : NOTHING_ASKED.period,
    preset: PRESETS.includes(preset) ? preset : NOTHING_ASKED.preset,
    from: query.get("from") ?? "",
    to: query.get("to") ?? "",
    by: query.get("by"),
    filter: only ? { dimension: only, values: query.getAll("value") } : null,
  };
}

/** From when to when; null where that is no range. */
export function rangeOf(asked: Asked, now: number): { from: string; to: string } | null {
  if (asked.preset !== "own") return { from: new Date(now - SPANS[asked.preset]).toISOString(), to: new Date(now).toISOString() };
  const [from, to] = [new Date(asked.from).getTime(), new Date(asked.to).getTime()];
  return from < to ? { from: new Date(from).toISOString(), to: new Date(to).toISOString() } : null;
}

export function questionsOf(asked: Asked, range: { from: string; to: string }): Question[] {
  return asked.kpis.map((kpi) => ({
    kpi,
    period: asked.period,
    ...range,
    ...(asked.by ? { by: [asked.by] } : { gaps: "fill" as const }),
    ...(asked.filter && asked.filter.values.length > 0 ? { filter: { [asked.filter.dimension]: [...asked.filter.values] } } : {}),
  }));
}

export interface Column {
  readonly kpi: string;
  readonly name: string;
  readonly group: string | null;
  readonly unit: string;
  readonly values: ReadonlyMap<number, Value>;
}

/** A column for each KPI and group; those groups first that are largest in all. */
export function columnsOf(answers: readonly Series[], by: string | null): Column[] {
  return answers.flatMap((series) => {
    const groups = new Map<string, Map<number, Value>>();
    for (const point of series.points) {
      const group = by ? (point.group?.[by] ?? "") : "";
      const values = groups.get(group) ?? new Map<number, Value>();
      values.set(Date.parse(point.bucket) / 1000, (point.value as Value | undefined) ?? null);
      groups.set(group, values);
    }
    const columns = [...groups].map(([group, values]): Column => ({ kpi: series.kpi, name: series.name, group: by ? group : null, unit: series.unit, values }));
    const size = (column: Column) => [...column.values.values()].reduce<number>((sum, value) => sum + Math.abs(Number(value ?? 0)), 0);
    return columns.sort((one, other) => size(other) - size(one));
  });
}

export function bucketsOf(columns: readonly Column[]): number[] {
  return [...new Set(columns.flatMap((column) => [...column.values.keys()]))].sort((one, other) => one - other);
}

export function pointsOf(column: Column, buckets: readonly number[]): Point[] {
  return buckets.map((bucket) => ({ bucket, value: column.values.get(bucket) ?? null }));
}

/** As spreadsheets read it: instants in UTC, digits as they are, and nothing that could be taken for a formula. */
export function toCsv(columns: readonly Column[], titles: readonly string[], bucketTitle: string): string {
  const lines = bucketsOf(columns).map((bucket) => [
    new Date(bucket * 1000).toISOString(),
    ...columns.map((column) => String(column.values.get(bucket) ?? "")),
  ]);
  return [[bucketTitle, ...titles].map(cell), ...lines].map((line) => line.join(",")).join("\r\n");
}

function cell(content: string): string {
  const harmless = /^[=+\-@\t\r]/.test(content) ? `'${content}` : content;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
