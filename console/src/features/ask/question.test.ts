import { describe, expect, it } from "vitest";
import type { Series } from "~/lib/api/queries.ts";
import { type Asked, bucketsOf, columnsOf, fromQuery, NOTHING_ASKED, pointsOf, questionsOf, rangeOf, toCsv, toQuery } from "./question.ts";

const WHOLE: Asked = {
  kpis: ["A", "B"],
  period: "day",
  preset: "own",
  from: "2026-11-01T00:00",
  to: "2026-11-03T00:00",
  by: "region",
  filter: { dimension: "shop", values: ["a,b", "c&d"] },
};

describe("a question", () => {
  it.each([
    ["whole", WHOLE],
    ["nothing", NOTHING_ASKED],
    ["a preset", { ...NOTHING_ASKED, kpis: ["A"], preset: "7d" as const }],
  ])("is the page's address and back: %s", (_, asked) => {
    expect(fromQuery(new URLSearchParams(toQuery(asked).toString()))).toEqual(asked);
  });

  it("takes nothing of an address that is no question", () => {
    expect(fromQuery(new URLSearchParams("period=eon&range=ever&kpi=A&kpi=B&kpi=C&kpi=D&kpi=E&kpi=F&kpi=G"))).toEqual({
      ...NOTHING_ASKED,
      kpis: ["A", "B", "C", "D", "E", "F"],
    });
  });

  it("has a range that goes forward", () => {
    const now = Date.parse("2026-11-28T12:00:00Z");
    expect(rangeOf({ ...NOTHING_ASKED, preset: "24h" }, now)).toEqual({ from: "2026-11-27T12:00:00.000Z", to: "2026-11-28T12:00:00.000Z" });
    expect(rangeOf({ ...WHOLE, from: WHOLE.to, to: WHOLE.from }, now)).toBeNull();
    expect(rangeOf({ ...WHOLE, from: "" }, now)).toBeNull();
  });

  it("asks of each KPI, and fills gaps where nothing is split", () => {
    const range = { from: "f", to: "t" };
    expect(questionsOf(WHOLE, range)).toEqual([
      { kpi: "A", period: "day", from: "f", to: "t", by: ["region"], filter: { shop: ["a,b", "c&d"] } },
      { kpi: "B", period: "day", from: "f", to: "t", by: ["region"], filter: { shop: ["a,b", "c&d"] } },
    ]);
    expect(questionsOf({ ...NOTHING_ASKED, kpis: ["A"], filter: { dimension: "shop", values: [] } }, range)).toEqual([
      { kpi: "A", period: "hour", from: "f", to: "t", gaps: "fill" },
    ]);
  });
});

const answer = (kpi: string, points: [string, number | string | null, string?][]): Series =>
  ({
    kpi,
    name: `${kpi}!`,
    unit: "",
    points: points.map(([bucket, value, region]) => ({ bucket, value, facts: 1, ...(region === undefined ? {} : { group: { region } }) })),
  }) as unknown as Series;

describe("answers", () => {
  const split = columnsOf(
    [
      answer("A", [
        ["2026-11-01T00:00:00Z", 1, "small"],
        ["2026-11-01T00:00:00Z", 9, "large"],
        ["2026-11-02T00:00:00Z", "9007199254740993", "large"],
      ]),
    ],
    "region",
  );

  it("are columns, the largest group first", () => {
    expect(split.map((column) => column.group)).toEqual(["large", "small"]);
    const buckets = bucketsOf(split);
    expect(pointsOf(split[1] as never, buckets).map((point) => point.value)).toEqual([1, null]);
  });

  it("are copied with all of their digits", () => {
    expect(toCsv(split, ["large", "small"], "from")).toBe("from,large,small\r\n2026-11-01T00:00:00.000Z,9,1\r\n2026-11-02T00:00:00.000Z,9007199254740993,");
  });

  it.each([
    ['a "quoted", name', '"a ""quoted"", name"'],
    ["=SUM(A1)", "'=SUM(A1)"],
    ["+1", "'+1"],
    ["-x", "'-x"],
    ["@here", "'@here"],
    ["two\nlines", '"two\nlines"'],
    ["plain", "plain"],
  ])("are titled %j in a way that a spreadsheet takes for text", (title, expected) => {
    expect(toCsv([], [title], "from")).toBe(`from,${expected}`);
  });
});
