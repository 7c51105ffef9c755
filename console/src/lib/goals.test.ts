import { expect, it } from "vitest";
import { meets, targetOf, writtenGoal } from "./goals.ts";

it.each([
  [5, 5, "higher_is_better", true],
  [4, 5, "higher_is_better", false],
  ["6", "5", "higher_is_better", true],
  [4, 5, "lower_is_better", true],
  [4, 5, "between", null],
  [null, 5, "higher_is_better", null],
  [5, null, "higher_is_better", null],
] as const)("holds %s against %s where %s", (value, target, direction, expected) => {
  expect(meets(value, target, direction)).toBe(expected);
});

it("knows a target that is one number, and writes one that is a band", () => {
  expect(targetOf({ target: 5 } as never)).toBe(5);
  expect(targetOf({ target: { from: 1, to: 2 } } as never)).toBeNull();
  expect(targetOf(null)).toBeNull();
  expect([writtenGoal("AVG(A.b)"), writtenGoal({ from: "1", to: 2 } as never), writtenGoal(undefined)]).toEqual(["AVG(A.b)", "1 … 2", null]);
});
