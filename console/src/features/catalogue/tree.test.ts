import { expect, it } from "vitest";
import type { Kpi } from "~/lib/api/queries.ts";
import { search, treeOf } from "./tree.ts";

const kpi = (code: string, name: string, module?: string, value_chain?: string) => ({ code, name, formula: "1", module, value_chain }) as Kpi;
const KPIS = [kpi("B", "Beta", "M", "Z"), kpi("A", "Álpha", "M", "Z"), kpi("C", "Gamma", undefined, "Z"), kpi("D", "Delta"), kpi("E", "Epsilon", "N", "Y")];

it("puts KPIs into modules and value chains by name, and what belongs nowhere last", () => {
  const shape = treeOf(KPIS).map((chain) => [chain.name, chain.modules.map((module) => [module.name, module.kpis.map((each) => each.code)])]);
  expect(shape).toEqual([
    ["Y", [["N", ["E"]]]],
    [
      "Z",
      [
        ["M", ["A", "B"]],
        ["", ["C"]],
      ],
    ],
    ["", [["", ["D"]]]],
  ]);
});

it.each([
  ["", "ABCDE"],
  ["  ", "ABCDE"],
  ["alpha", "A"],
  ["ÁLPHA", "A"],
  ["z gam", "C"],
  ["gam z", "C"],
  ["nothing", ""],
])("finds by %j", (typed, expected) => {
  const found = search(KPIS, typed).map((each) => each.code);
  expect(found.sort().join("")).toBe(expected);
});
