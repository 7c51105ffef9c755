// Periods and ranges, as they are offered and written.
import type { Period } from "@analytics-engine/live-client";

export const PERIODS = ["minute", "hour", "day", "week", "month"] as const satisfies readonly Period[];
export type OfferedPeriod = (typeof PERIODS)[number];

/** How many buckets back one may look, the first by default. A live topic has 1,440 at most. */
export const RANGES: Record<OfferedPeriod, readonly number[]> = {
  minute: [60, 15, 30, 180, 720],
  hour: [24, 12, 48, 168],
  day: [30, 7, 14, 90, 365],
  week: [12, 26, 52],
  month: [12, 24, 36],
};

const MILLISECONDS: Record<OfferedPeriod, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: 31 * 86_400_000 };

export function isPeriod(value: unknown): value is OfferedPeriod {
  return PERIODS.includes(value as OfferedPeriod);
}

export function defaultRange(period: OfferedPeriod): number {
  return RANGES[period][0] as number;
}

/** From when to when a range goes that ends with the bucket that is open now. Widened to whole buckets by the API. */
export function rangeOf(period: OfferedPeriod, buckets: number, now: number): { from: string; to: string } {
  const from = now - (buckets - 1) * MILLISECONDS[period];
  return { from: new Date(from).toISOString(), to: new Date(now).toISOString() };
}

/** How long a bucket is where that is always the same, in seconds; days and longer follow the calendar. */
export function fixedSeconds(period: string): number | null {
  return period === "minute" ? 60 : period === "hour" ? 3600 : null;
}

const OPTIONS: Record<string, Intl.DateTimeFormatOptions> = {
  minute: { hour: "2-digit", minute: "2-digit" },
  hour: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "short", year: "numeric" },
};

/** Making one takes a hundred times as long as using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, locale: string | undefined): Intl.DateTimeFormat {
  const key = `${locale ?? ""}${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    formats.set(key, found);
  }
  return found;
}

/** The start of a bucket, by the clocks of the organisation. */
export function formatBucket(seconds: number, period: string, timeZone: string | undefined, locale?: string): string {
  const options = OPTIONS[period] ?? OPTIONS.day;
  return format({ ...options, ...(timeZone ? { timeZone } : {}) }, locale).format(seconds * 1000);
}

export function formatInstant(instant: number | string, timeZone?: string, locale?: string): string {
  return format({ dateStyle: "medium", timeStyle: "medium", ...(timeZone ? { timeZone } : {}) }, locale).format(new Date(instant));
}

export function formatTime(instant: number, locale?: string): string {
  return format({ timeStyle: "medium" }, locale).format(instant);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** How long ago, in the largest unit that fits. */
export function formatAgo(instant: number, now: number, locale?: string): string {
  const seconds = Math.round((instant - now) / 1000);
  const [unit, size] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? (["second", 1] as const);
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}
