// How numbers are written: by the reader's locale, with all digits that they have, and with figures of one width.
import type { Value } from "@analytics-engine/live-client";

/** From here on a number is shortened where there is little room; its whole is a hover away. */
const SHORTENED_FROM = 1e7;

/** Digits of what is too small for its decimals: 0.0000000012 with two decimals would be 0. */
const SMALL_DIGITS = 3;

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions, locale: string | undefined): Intl.NumberFormat {
  const key = `${locale ?? ""}${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale, options);
    formats.set(key, found);
  }
  return found;
}

export interface Shape {
  readonly decimals?: number | undefined;
  readonly short?: boolean;
  readonly locale?: string;
  /** What is too small for its decimals is nothing. */
  readonly rounded?: boolean;
  /** A sign, also of what is above zero. */
  readonly signed?: boolean;
}

export const NO_VALUE = "–";

export function formatNumber(value: Value | undefined, { decimals, short, locale, rounded, signed }: Shape = {}): string {
  if (value === null || value === undefined) return NO_VALUE;
  const size = Math.abs(Number(value));
  const sign = signed ? { signDisplay: "exceptZero" as const } : {};
  if (short && size >= SHORTENED_FROM) return format({ notation: "compact", maximumFractionDigits: 2, ...sign }, locale).format(Number(value));
  const digits = decimals ?? (Number.isInteger(Number(value)) ? 0 : 2);
  if (!rounded && size > 0 && size < 0.5 * 10 ** -digits) {
    return format({ notation: size < 1e-6 ? "scientific" : "standard", maximumSignificantDigits: SMALL_DIGITS, ...sign }, locale).format(Number(value));
  }
  // A text is a number that a float can't hold: it is written digit by digit.
  return format({ minimumFractionDigits: digits, maximumFractionDigits: digits, ...sign }, locale).format(value as number);
}

/** A unit behind its number: `%` stands close, words apart. */
export function unitSuffix(unit: string | undefined): string {
  if (!unit) return "";
  return unit === "%" ? "%" : ` ${unit}`;
}

/** By how much a value changed, in percent of the one before; null where that says nothing. */
export function changeInPercent(value: Value | undefined, before: Value | undefined): number | null {
  if (value === null || value === undefined || before === null || before === undefined) return null;
  const base = Number(before);
  const change = ((Number(value) - base) / Math.abs(base)) * 100;
  return Number.isFinite(change) ? change : null;
}

/** What a change is: good or bad by the way that the KPI should go. */
export function judge(change: number | null, direction: string | undefined): "good" | "bad" | "neutral" {
  if (change === null || change === 0) return "neutral";
  if (direction === "higher_is_better") return change > 0 ? "good" : "bad";
  if (direction === "lower_is_better") return change < 0 ? "good" : "bad";
  return "neutral";
}
