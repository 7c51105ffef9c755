// What one can watch, and what is known of it.
import type { components } from "./protocol.gen.ts";

type Schemas = components["schemas"];

export type Period = Schemas["BucketPeriod"];
export type Mode = Schemas["Mode"];
/** Why a topic's rows are not kept up although it is subscribed to. */
export type Silence = Schemas["Silence"];
export type Frame = Schemas["Frame"];
export type TopicEcho = Schemas["TopicEcho"];
export type TopicRequest = Schemas["TopicRequest"];
/** A text where a float of 64 bits would be another number. */
export type Value = number | string | null;

/** A KPI, a period and a filter of dimensions. */
export interface Topic {
  readonly kpi: string;
  readonly period: Period;
  readonly filter?: Readonly<Record<string, readonly string[]>>;
  readonly mode?: Mode;
  /** The newest buckets that are wanted; 1 unless said. */
  readonly buckets?: number;
  readonly timeZone?: string;
}

/** A KPI's value over one bucket. The newest row of a bucket replaces the one before. */
export interface Row {
  /** Start of the bucket, in seconds since 1970. */
  readonly bucket: number;
  readonly value: Value;
  /** Facts that it is made of. */
  readonly facts: number;
  /** Whether the bucket's end has passed. */
  readonly closed: boolean;
}

/** Why a topic is not served, in words for people. */
export interface Refusal {
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly hint?: string;
}

/** What is known of a topic. A new object whenever it changes, so that it can be compared by identity. */
export interface Snapshot {
  /**
   * `waiting`: not answered yet. `live`: nothing is missed that is not told. `held`: what was known before the connection was lost; it is
   * brought up to date as soon as there is one. `refused`: see `refusal`.
   */
  readonly state: "waiting" | "live" | "held" | "refused";
  /** By bucket, oldest first. */
  readonly rows: readonly Row[];
  readonly silent: Silence | null;
  readonly refusal: Refusal | null;
}

/** The same text for the same topic, however its filter is ordered. */
export function keyOf(topic: Topic): string {
  return JSON.stringify([topic.kpi, topic.period, topic.mode ?? "live", topic.buckets ?? 1, topic.timeZone ?? "", filterKey(topic.filter ?? {})]);
}

/** Whether the server, which repeats topics as it understood them, means this one. It grants fewer buckets at times, and leaves out the client's own zone. */
export function isEchoOf(echo: TopicEcho, topic: Topic): boolean {
  return (
    echo.kpi === topic.kpi &&
    echo.period === topic.period &&
    echo.mode === (topic.mode ?? "live") &&
    echo.buckets <= (topic.buckets ?? 1) &&
    (echo.time_zone == null || echo.time_zone === topic.timeZone) &&
    filterKey(echo.filter) === filterKey(topic.filter ?? {})
  );
}

export function request(topic: Topic): TopicRequest {
  const { kpi, period, filter, mode, buckets, timeZone } = topic;
  return {
    kpi,
    period,
    ...(filter && Object.keys(filter).length > 0 ? { filter: filter as Record<string, string[]> } : {}),
    ...(mode ? { mode } : {}),
    buckets: buckets ?? 1,
    ...(timeZone ? { time_zone: timeZone } : {}),
  };
}

function filterKey(filter: Readonly<Record<string, readonly string[]>>): string {
  const dimensions = Object.keys(filter).sort();
  return JSON.stringify(dimensions.map((dimension) => [dimension, [...new Set(filter[dimension])].sort()]));
}
