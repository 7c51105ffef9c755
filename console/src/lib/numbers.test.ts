import { expect, it } from "vitest";
import { changeInPercent, formatNumber, judge, type Shape, unitSuffix } from "./numbers.ts";

it.each<[string, number | string | null | undefined, Shape, string]>([
  ["a whole number", 1234, {}, "1,234"],
  ["a German one", 1234.5, { locale: "de", decimals: 1 }, "1.234,5"],
  ["decimals that are declared", 5, { decimals: 2 }, "5.00"],
  ["nothing", null, {}, "–"],
  ["what was not sent", undefined, {}, "–"],
  ["zero", 0, { decimals: 2 }, "0.00"],
  ["more digits than a float has", "9007199254740993", { decimals: 0 }, "9,007,199,254,740,993"],
  ["ten to the fifteenth", 1e15, {}, "1,000,000,000,000,000"],
  ["the same where there is little room", 1e15, { short: true }, "1000T"],
  ["what is just not shortened", 9_999_999, { short: true }, "9,999,999"],
  ["ten to the minus ninth", 1e-9, { decimals: 2 }, "1E-9"],
  ["what is too small for its decimals", 0.0042, { decimals: 2 }, "0.0042"],
  ["a negative one of these", -0.0042, { decimals: 2 }, "-0.0042"],
  ["a change", 3.14, { decimals: 1, signed: true }, "+3.1"],
  ["a change that is nearly none", -0.0042, { decimals: 1, signed: true, rounded: true }, "0.0"],
  ["no change", 0, { decimals: 1, signed: true }, "0.0"],
])("writes %s", (_, value, shape, expected) => {
  expect(formatNumber(value, { locale: "en", ...shape })).toBe(expected);
});

it.each<[string, number | string | null | undefined, number | string | null | undefined, number | null]>([
  ["up", 110, 100, 10],
  ["down", 90, 100, -10],
  ["of what is negative", -5, -10, 50],
  ["of texts", "110", "100", 10],
  ["from nothing", 5, 0, null],
  ["of nothing at all", 0, 0, null],
  ["of what has no value", null, 5, null],
  ["to what has no value", 5, undefined, null],
])("finds the change %s", (_, value, before, expected) => {
  expect(changeInPercent(value, before)).toBe(expected);
});

it.each([
  [5, "higher_is_better", "good"],
  [-5, "higher_is_better", "bad"],
  [5, "lower_is_better", "bad"],
  [-5, "lower_is_better", "good"],
  [5, "neutral", "neutral"],
  [5, "between", "neutral"],
  [0, "higher_is_better", "neutral"],
  [null, "higher_is_better", "neutral"],
] as const)("judges %s where %s to be %s", (change, direction, expected) => {
  expect(judge(change, direction)).toBe(expected);
});

it("puts a unit behind its number", () => {
  expect([unitSuffix("%"), unitSuffix("miles"), unitSuffix(""), unitSuffix(undefined)]).toEqual(["%", " miles", "", ""]);
});
