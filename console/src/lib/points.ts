// A series that was fetched, and the rows that came live since: one line of points without a gap that nobody knows of.
import type { Row, Value } from "@analytics-engine/live-client";
import type { components } from "./api/schema.gen.ts";
import { fixedSeconds } from "./periods.ts";

type Series = components["schemas"]["Series"];

export interface Point {
  /** Start of the bucket, in seconds since 1970. */
  readonly bucket: number;
  readonly value: Value;
}

/** The newest `count` points. A live row counts more than what was fetched; a bucket without facts is worth what the formula is worth without any. */
export function merge(series: Series | undefined, rows: readonly Row[], count: number): Point[] {
  const values = new Map<number, Value>();
  for (const point of series?.points ?? []) values.set(Date.parse(point.bucket) / 1000, (point.value as Value | undefined) ?? null);
  for (const row of rows) values.set(row.bucket, row.value);
  const buckets = [...values.keys()].sort((one, other) => one - other);
  const step = series ? fixedSeconds(series.period) : null;
  const points: Point[] = [];
  for (const bucket of buckets) {
    const before = points.at(-1)?.bucket;
    if (step !== null && before !== undefined) {
      // Never more than can be shown: two points may be years apart.
      for (let missing = Math.max(before + step, bucket - count * step); missing < bucket; missing += step) {
        points.push({ bucket: missing, value: (series?.empty as Value | undefined) ?? null });
      }
    }
    points.push({ bucket, value: values.get(bucket) ?? null });
  }
  return points.slice(-count);
}
