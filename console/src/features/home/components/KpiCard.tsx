import { Group, Text } from "@mantine/core";
import { Link } from "react-router";
import { Sparkline } from "~/components/Sparkline.tsx";
import { sentence } from "~/components/States.tsx";
import { Trend } from "~/components/Trend.tsx";
import { Problem } from "~/lib/api/client.ts";
import type { Kpi } from "~/lib/api/queries.ts";
import { newest } from "~/lib/live/hooks.ts";
import { useLatest } from "~/lib/live/points.ts";
import { changeInPercent, formatNumber, unitSuffix } from "~/lib/numbers.ts";
import { defaultRange, type OfferedPeriod } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import classes from "./Home.module.css";

const NO_FILTER = {};

/** How a KPI stands in the bucket that is open, and how the last full one was against the one before. */
export function KpiCard({ kpi, period }: { kpi: Kpi; period: OfferedPeriod }) {
  const { points, snapshot, error } = useLatest(kpi.code, period, defaultRange(period), NO_FILTER);
  const { open } = newest(snapshot.rows);
  const [before, last] = points.slice(-3, -1);
  const change = changeInPercent(last?.value, before?.value);
  const value = open ? open.value : points.at(-1)?.value;
  return (
    <Link to={`/kpis/${kpi.code}`} className={`panel ${classes.card}`}>
      <Text size="sm" fw={600} className="clip" title={kpi.name}>
        <bdi>{kpi.name}</bdi>
      </Text>
      <Text className={`number ${classes.value}`} title={formatNumber(value, { decimals: kpi.decimals })}>
        {formatNumber(value, { decimals: kpi.decimals, short: true })}
        <span className={classes.unit}>{unitSuffix(kpi.unit)}</span>
      </Text>
      {error ? (
        <Text size="xs" c="dimmed">
          {error instanceof Problem ? sentence(error.message) : text.states.failed}
        </Text>
      ) : (
        <>
          <Group gap={6} wrap="nowrap" mih={22}>
            {change === null ? (
              <Text size="xs" c="dimmed">
                {text.home.noChange}
              </Text>
            ) : (
              <>
                <Trend change={change} direction={kpi.direction} />
                <Text size="xs" c="dimmed" className="clip">
                  {text.dashboard.lastFull(text.periodWords[period] ?? period)}
                </Text>
              </>
            )}
          </Group>
          <Sparkline points={points} label={text.chart(kpi.name, text.periods[period] ?? period)} />
        </>
      )}
    </Link>
  );
}
