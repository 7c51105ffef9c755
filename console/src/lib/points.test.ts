import type { Row } from "@analytics-engine/live-client";
import { expect, it } from "vitest";
import type { components } from "./api/schema.gen.ts";
import { merge } from "./points.ts";

function series(period: string, empty: number | null, ...points: [seconds: number, value: number | null][]): components["schemas"]["Series"] {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();
  return {
    kpi: "K",
    name: "K",
    unit: "",
    period: period as "minute",
    time_zone: "UTC",
    from: at(0),
    to: at(0),
    empty,
    mode: "exact",
    plan: [],
    points: points.map(([seconds, value]) => ({ bucket: at(seconds), value, facts: 1 })),
  };
}

const row = (bucket: number, value: number | null): Row => ({ bucket, value, facts: 1, closed: false });
const pairs = (...of: Parameters<typeof merge>) => merge(...of).map(({ bucket, value }) => [bucket, value]);

it.each<[string, ReturnType<typeof series> | undefined, Row[], number, unknown[]]>([
  ["nothing", undefined, [], 5, []],
  [
    "rows alone",
    undefined,
    [row(60, 1), row(240, 2)],
    5,
    [
      [60, 1],
      [240, 2],
    ],
  ],
  [
    "a series alone",
    series("minute", 0, [0, 1], [60, 2]),
    [],
    5,
    [
      [0, 1],
      [60, 2],
    ],
  ],
  [
    "a row that is newer than what was fetched",
    series("minute", 0, [0, 1], [60, 2]),
    [row(60, 3)],
    5,
    [
      [0, 1],
      [60, 3],
    ],
  ],
  [
    "a minute without facts, of a count",
    series("minute", 0, [0, 1]),
    [row(120, 3)],
    5,
    [
      [0, 1],
      [60, 0],
      [120, 3],
    ],
  ],
  [
    "a minute without facts, of a rate",
    series("minute", null, [0, 1]),
    [row(120, 3)],
    5,
    [
      [0, 1],
      [60, null],
      [120, 3],
    ],
  ],
  [
    "days, whose length is not known here",
    series("day", 0, [0, 1]),
    [row(172_800, 3)],
    5,
    [
      [0, 1],
      [172_800, 3],
    ],
  ],
  [
    "more than is shown",
    series("minute", 0, [0, 1], [60, 2], [120, 3]),
    [],
    2,
    [
      [60, 2],
      [120, 3],
    ],
  ],
  [
    "two points that are years apart",
    series("minute", 0, [0, 1]),
    [row(600_000_000, 2)],
    3,
    [
      [599_999_880, 0],
      [599_999_940, 0],
      [600_000_000, 2],
    ],
  ],
  [
    "rows in whatever order",
    series("minute", 0),
    [row(60, 2), row(0, 1)],
    5,
    [
      [0, 1],
      [60, 2],
    ],
  ],
])("merges %s", (_, fetched, rows, count, expected) => {
  expect(pairs(fetched, rows, count)).toEqual(expected);
});
