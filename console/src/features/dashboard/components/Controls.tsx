import { Button, CloseButton, Group, Pill, SegmentedControl, Select } from "@mantine/core";
import { IconFilter } from "@tabler/icons-react";
import { useState } from "react";
import type { Kpi } from "~/lib/api/queries.ts";
import { defaultRange, type OfferedPeriod, PERIODS, RANGES } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import type { Dashboard } from "../model.ts";
import classes from "./Dashboard.module.css";
import { FilterEditor } from "./FilterEditor.tsx";

interface ControlsProps {
  readonly dashboard: Dashboard;
  readonly kpis: readonly Kpi[];
  readonly update: (how: (dashboard: Dashboard) => Dashboard) => void;
}

/** What all tiles share: period, range, live or on close, and filters. */
export function Controls({ dashboard, kpis, update }: ControlsProps) {
  const [isFiltering, setFiltering] = useState(false);
  const { period, range, mode, filters } = dashboard;
  return (
    <div className={classes.controls}>
      <SegmentedControl
        aria-label={text.dashboard.period}
        size="xs"
        value={period}
        data={PERIODS.map((value) => ({ value, label: text.periods[value] }))}
        onChange={(value) => update((before) => ({ ...before, period: value as OfferedPeriod, range: defaultRange(value as OfferedPeriod) }))}
      />
      <Select
        aria-label={text.dashboard.range}
        size="xs"
        w={156}
        allowDeselect={false}
        value={String(range)}
        data={[...RANGES[period]]
          .sort((one, other) => one - other)
          .map((count) => ({ value: String(count), label: text.dashboard.ranges(count, text.periodWords[period] ?? period) }))}
        onChange={(value) => value && update((before) => ({ ...before, range: Number(value) }))}
      />
      <SegmentedControl
        aria-label={text.dashboard.mode}
        size="xs"
        value={mode}
        data={(["live", "closed"] as const).map((value) => ({ value, label: text.dashboard.modes[value] }))}
        onChange={(value) => update((before) => ({ ...before, mode: value as Dashboard["mode"] }))}
      />
      <Group gap={6}>
        {Object.entries(filters).map(([dimension, values]) => (
          <Pill key={dimension} size="md" component="div">
            <Group gap={4} wrap="nowrap">
              <bdi>
                {dimension}: {values.join(", ")}
              </bdi>
              <CloseButton
                size={18}
                aria-label={text.dashboard.clear(dimension)}
                onClick={() =>
                  update((before) => ({ ...before, filters: Object.fromEntries(Object.entries(before.filters).filter(([name]) => name !== dimension)) }))
                }
              />
            </Group>
          </Pill>
        ))}
        <Button size="compact-sm" variant="subtle" leftSection={<IconFilter size={14} aria-hidden />} onClick={() => setFiltering(true)}>
          {text.dashboard.filter}
        </Button>
      </Group>
      {isFiltering && (
        <FilterEditor
          codes={[...new Set(dashboard.tiles.map((tile) => tile.kpi))]}
          kpis={kpis}
          close={() => setFiltering(false)}
          done={(dimension, values) => update((before) => ({ ...before, filters: { ...before.filters, [dimension]: values } }))}
        />
      )}
    </div>
  );
}
