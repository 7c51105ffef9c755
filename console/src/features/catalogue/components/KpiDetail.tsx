import { Group, SegmentedControl, Tabs, Text, Title } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import { Chart } from "~/components/Chart.tsx";
import { Failed, Loading } from "~/components/States.tsx";
import { Trend } from "~/components/Trend.tsx";
import type { Kpi } from "~/lib/api/queries.ts";
import { declaresGoal, targetOf } from "~/lib/goals.ts";
import { useGoal, useLatest } from "~/lib/live/points.ts";
import { changeInPercent, formatNumber, unitSuffix } from "~/lib/numbers.ts";
import { defaultRange, type OfferedPeriod, PERIODS } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import classes from "./Catalogue.module.css";
import { Overview } from "./Overview.tsx";
import { Versions } from "./Versions.tsx";

export function KpiDetail({ kpi }: { kpi: Kpi }) {
  useEffect(() => {
    document.title = `${kpi.name} · ${text.product}`;
  }, [kpi.name]);
  return (
    <article>
      <Title order={2} fz="h1" style={{ overflowWrap: "anywhere" }}>
        <bdi>{kpi.name}</bdi>
      </Title>
      <Text size="sm" c="dimmed" mb="sm" style={{ overflowWrap: "anywhere" }}>
        <bdi>{kpi.description || kpi.code}</bdi>
      </Text>
      <Now kpi={kpi} />
      <Tabs defaultValue="overview" keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="overview">{text.catalogue.overview}</Tabs.Tab>
          <Tabs.Tab value="versions">{text.catalogue.versions}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview kpi={kpi} />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions code={kpi.code} />
        </Tabs.Panel>
      </Tabs>
    </article>
  );
}

const NO_FILTER = {};

/** Its value now, and how it came there. */
function Now({ kpi }: { kpi: Kpi }) {
  const [period, setPeriod] = useState<OfferedPeriod>("hour");
  const latest = useLatest(kpi.code, period, defaultRange(period), NO_FILTER);
  const target = targetOf(useGoal(kpi.code, period, NO_FILTER, declaresGoal(kpi)));
  const [before, last] = latest.points.slice(-3, -1);
  const change = changeInPercent(last?.value, before?.value);
  const word = text.periodWords[period] ?? period;
  const lines = useMemo(() => [{ name: kpi.name, points: latest.points }], [kpi.name, latest.points]);
  return (
    <section className={`panel ${classes.block}`} aria-label={text.catalogue.title}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <div>
          <div className={`number ${classes.value}`}>
            {formatNumber(latest.points.at(-1)?.value, { decimals: kpi.decimals })}
            <Text span c="dimmed" fz="md">
              {unitSuffix(kpi.unit)}
            </Text>
          </div>
          <Group gap={8} mih={22}>
            <Text size="xs" c="dimmed">
              {text.dashboard.soFar}
            </Text>
            {change !== null && (
              <span>
                <Trend change={change} direction={kpi.direction} size="xs" />{" "}
                <Text span size="xs" c="dimmed">
                  {text.dashboard.lastFull(word)}
                </Text>
              </span>
            )}
          </Group>
        </div>
        <SegmentedControl
          size="xs"
          aria-label={text.dashboard.period}
          value={period}
          onChange={(value) => setPeriod(value as OfferedPeriod)}
          data={PERIODS.map((value) => ({ value, label: text.periods[value] }))}
        />
      </Group>
      {latest.error ? (
        <Failed error={latest.error} retry={latest.retry} />
      ) : latest.isLoading ? (
        <Loading height={240} />
      ) : (
        <Chart
          kind="line"
          name={kpi.name}
          height={240}
          lines={lines}
          period={period}
          timeZone={latest.series?.time_zone}
          unit={kpi.unit}
          decimals={kpi.decimals}
          target={target === null ? null : Number(target)}
        />
      )}
    </section>
  );
}
