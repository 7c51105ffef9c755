import { Table } from "@mantine/core";
import { useMemo } from "react";
import { Chart } from "~/components/Chart.tsx";
import { Sparkline } from "~/components/Sparkline.tsx";
import { Trend } from "~/components/Trend.tsx";
import type { Kpi } from "~/lib/api/queries.ts";
import { useNow } from "~/lib/clock.ts";
import { declaresGoal, meets, targetOf } from "~/lib/goals.ts";
import { newest } from "~/lib/live/hooks.ts";
import { type Latest, useGoal } from "~/lib/live/points.ts";
import { changeInPercent, formatNumber, unitSuffix } from "~/lib/numbers.ts";
import { fixedSeconds, formatBucket } from "~/lib/periods.ts";
import type { Point } from "~/lib/points.ts";
import { text } from "~/lib/text.ts";
import type { Dashboard } from "../model.ts";
import classes from "./Dashboard.module.css";
import { ValueTable } from "./ValueTable.tsx";

interface BodyProps {
  readonly kpi: Kpi;
  readonly name: string;
  readonly latest: Latest;
  readonly dashboard: Dashboard;
}

/** Rows of a table that are drawn; older ones are a question for Ask. */
const MOST_ROWS = 200;

/** The newest full bucket and the one before it, which is what can be compared: the open one is not whole yet. */
function compared(points: readonly Point[], mode: Dashboard["mode"]): { last: Point | undefined; before: Point | undefined } {
  const full = mode === "live" ? points.slice(0, -1) : points;
  return { last: full.at(-1), before: full.at(-2) };
}

export function NumberTile({ kpi, latest, dashboard }: BodyProps) {
  const { period, mode } = dashboard;
  const { points } = latest;
  const value = points.at(-1)?.value;
  const { last, before } = compared(points, mode);
  const change = changeInPercent(last?.value, before?.value);
  const word = text.periodWords[period] ?? period;
  return (
    <div className={classes.figure}>
      <Value kpi={kpi} value={value} />
      <div className={classes.notes}>
        {change !== null && (
          <span title={`${text.dashboard.lastFull(word)} ${text.dashboard.against(word)}`}>
            <Trend change={change} direction={kpi.direction} size="xs" /> {text.dashboard.lastFull(word)}
          </span>
        )}
        <Target kpi={kpi} latest={latest} dashboard={dashboard} />
        {mode === "live" && <Closing bucket={newest(latest.snapshot.rows).open?.bucket} period={period} />}
      </div>
    </div>
  );
}

function Value({ kpi, value }: { kpi: Kpi; value: Point["value"] | undefined }) {
  const whole = `${formatNumber(value, { decimals: kpi.decimals })}${unitSuffix(kpi.unit)}`;
  return (
    // A new element for a new value: that is what plays the change once.
    <div key={String(value)} className={`number changed ${classes.value}`} title={whole} data-testid="value">
      {formatNumber(value, { decimals: kpi.decimals, short: true })}
      <span className={classes.unit}>{unitSuffix(kpi.unit)}</span>
    </div>
  );
}

function Target({ kpi, latest, dashboard }: Pick<BodyProps, "kpi" | "latest" | "dashboard">) {
  const goal = useGoal(kpi.code, dashboard.period, dashboard.filters, declaresGoal(kpi));
  const target = targetOf(goal);
  if (target === null) return null;
  const met = meets(latest.points.at(-1)?.value, target, kpi.direction);
  return (
    <span className={met === null ? undefined : met ? "good" : "bad"}>
      {text.dashboard.target(`${formatNumber(target, { decimals: kpi.decimals })}${unitSuffix(kpi.unit)}`)}
      {met !== null && `, ${met ? text.dashboard.met : text.dashboard.missed}`}
    </span>
  );
}

/** That the bucket is open, and until when. */
function Closing({ bucket, period }: { bucket: number | undefined; period: string }) {
  const seconds = fixedSeconds(period);
  if (bucket === undefined) return null;
  if (seconds === null) return <span>{text.dashboard.soFar}</span>;
  return (
    <span className="number">
      <Countdown until={(bucket + seconds) * 1000} most={seconds} />
    </span>
  );
}

/** Never more than a whole bucket, also where this machine's clock is behind the server's. */
function Countdown({ until, most }: { until: number; most: number }) {
  const left = Math.min(most, Math.max(0, Math.ceil((until - useNow()) / 1000)));
  const written = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return <>{`${text.dashboard.soFar}, ${text.dashboard.closesIn(written)}`}</>;
}

export function SparklineTile({ kpi, name, latest }: BodyProps) {
  return (
    <div className={classes.figure} style={{ justifyContent: "space-between" }}>
      <Value kpi={kpi} value={latest.points.at(-1)?.value} />
      <div style={{ flex: 1, minHeight: 24, paddingTop: 4 }}>
        <Sparkline points={latest.points} label={text.chart(name, "")} height="100%" />
      </div>
    </div>
  );
}

export function ChartTile({ kpi, name, latest, dashboard, kind }: BodyProps & { kind: "line" | "bar" }) {
  const goal = useGoal(kpi.code, dashboard.period, dashboard.filters, declaresGoal(kpi));
  const target = targetOf(goal);
  const lines = useMemo(() => [{ name, points: latest.points }], [name, latest.points]);
  return (
    <Chart
      kind={kind}
      name={name}
      lines={lines}
      period={dashboard.period}
      timeZone={latest.series?.time_zone}
      unit={kpi.unit}
      decimals={kpi.decimals}
      target={target === null ? null : Number(target)}
      open={newest(latest.snapshot.rows).open?.bucket}
    />
  );
}

export function TableTile({ kpi, name, latest, dashboard }: BodyProps) {
  const rows = latest.points.slice(-MOST_ROWS).reverse();
  const open = newest(latest.snapshot.rows).open?.bucket;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard too
    <section className={classes.table} tabIndex={0} aria-label={name}>
      <ValueTable label={text.dashboard.bucket} kpi={kpi}>
        {rows.map(({ bucket, value }) => (
          <Table.Tr key={bucket}>
            <Table.Td className="number">
              {formatBucket(bucket, dashboard.period, latest.series?.time_zone)}
              {bucket === open && <span className="quiet"> {text.dashboard.soFar}</span>}
            </Table.Td>
            <Table.Td ta="right" className="number">
              {formatNumber(value, { decimals: kpi.decimals })}
            </Table.Td>
          </Table.Tr>
        ))}
      </ValueTable>
    </section>
  );
}
