import { Table, Text } from "@mantine/core";
import { Empty, Loading } from "~/components/States.tsx";
import type { Kpi } from "~/lib/api/queries.ts";
import { formatNumber, unitSuffix } from "~/lib/numbers.ts";
import { text } from "~/lib/text.ts";
import { type Group, useSplit } from "../api/split.ts";
import type { Dashboard, Tile } from "../model.ts";
import classes from "./Dashboard.module.css";
import { TileFailed } from "./TileFailed.tsx";
import { ValueTable } from "./ValueTable.tsx";

interface SplitTileProps {
  readonly tile: Tile;
  readonly by: string;
  readonly kpi: Kpi;
  readonly dashboard: Dashboard;
  readonly isSeen: boolean;
}

/** A KPI by the values of a dimension, over the bucket that is open now. */
export function SplitTile({ tile, by, kpi, dashboard, isSeen }: SplitTileProps) {
  const { query, groups, others } = useSplit({ kpi: kpi.code, period: dashboard.period, by, filters: dashboard.filters, isSeen });
  if (query.error && !query.data) return <TileFailed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Loading height="100%" />;
  if (groups.length === 0) return <Empty isSmall title={text.dashboard.noData} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard too
    <section className={classes.table} tabIndex={0} aria-label={`${kpi.name} ${text.dashboard.tile.split} ${by}`}>
      {tile.kind === "bar" ? <Bars groups={groups} kpi={kpi} /> : <Rows groups={groups} by={by} kpi={kpi} />}
      <Text size="xs" c="dimmed" mt={4}>
        {text.dashboard.thisSoFar(text.periodWords[dashboard.period] ?? dashboard.period)}
        {others > 0 && `, ${text.dashboard.others(others)}`}
      </Text>
    </section>
  );
}

function Bars({ groups, kpi }: { groups: readonly Group[]; kpi: Kpi }) {
  const most = Math.max(...groups.map((group) => Math.abs(Number(group.value ?? 0))), 0);
  return (
    <div className={classes.bars} style={{ height: "auto" }}>
      {groups.map(({ name, value }) => (
        <div key={name} className={classes.bar}>
          <span className="clip" title={name}>
            <bdi>{name || text.dashboard.withoutValue}</bdi>
          </span>
          <div className={classes.track}>
            <div className={classes.fill} style={{ width: `${most > 0 ? (Math.abs(Number(value ?? 0)) / most) * 100 : 0}%` }} />
          </div>
          <span className="number">
            {formatNumber(value, { decimals: kpi.decimals, short: true })}
            {kpi.unit === "%" ? unitSuffix(kpi.unit) : ""}
          </span>
        </div>
      ))}
    </div>
  );
}

function Rows({ groups, by, kpi }: { groups: readonly Group[]; by: string; kpi: Kpi }) {
  return (
    <ValueTable label={by} kpi={kpi}>
      {groups.map(({ name, value }) => (
        <Table.Tr key={name}>
          <Table.Td className="clip">
            <bdi>{name || text.dashboard.withoutValue}</bdi>
          </Table.Td>
          <Table.Td ta="right" className="number">
            {formatNumber(value, { decimals: kpi.decimals })}
          </Table.Td>
        </Table.Tr>
      ))}
    </ValueTable>
  );
}
