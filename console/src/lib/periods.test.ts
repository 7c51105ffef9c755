import { expect, it } from "vitest";
import { formatAgo, formatBucket, PERIODS, RANGES, rangeOf } from "./periods.ts";

it("writes a bucket by the clocks of the organisation, not by those of the reader", () => {
  const instant = Date.parse("2026-03-29T00:30:00Z") / 1000;
  expect(formatBucket(instant, "minute", "UTC", "en-GB")).toBe("00:30");
  expect(formatBucket(instant, "minute", "Asia/Kolkata", "en-GB")).toBe("06:00");
  expect(formatBucket(instant, "day", "America/New_York", "en-GB")).toBe("28 Mar");
  expect(formatBucket(instant, "month", "UTC", "de")).toBe("März 2026");
});

it.each([
  [0, "now"],
  [-1_000, "1 second ago"],
  [-59_000, "59 seconds ago"],
  [-61_000, "1 minute ago"],
  [-7_200_000, "2 hours ago"],
  [-172_800_000, "2 days ago"],
])("says how long ago %s ms are", (offset, expected) => {
  expect(formatAgo(1_000_000_000 + offset, 1_000_000_000, "en")).toBe(expected);
});

it("asks for as many buckets as are shown, the one that is open among them", () => {
  const now = Date.parse("2026-11-28T20:05:30Z");
  expect(rangeOf("minute", 3, now)).toEqual({ from: "2026-11-28T20:03:30.000Z", to: "2026-11-28T20:05:30.000Z" });
  for (const period of PERIODS) expect(new Set(RANGES[period]).size).toBe(RANGES[period].length);
});
