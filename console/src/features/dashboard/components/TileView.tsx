import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconDots } from "@tabler/icons-react";
import { memo, useRef } from "react";
import { Link } from "react-router";
import { Empty, Loading } from "~/components/States.tsx";
import type { Kpi } from "~/lib/api/queries.ts";
import { type Latest, useLatest } from "~/lib/live/points.ts";
import { text } from "~/lib/text.ts";
import { useVisible } from "~/lib/visible.ts";
import { type Dashboard, duplicateTile, removeTile, type Step, stepTile, type Tile } from "../model.ts";
import { ChartTile, NumberTile, SparklineTile, TableTile } from "./Bodies.tsx";
import classes from "./Dashboard.module.css";
import { SplitTile } from "./SplitTile.tsx";
import { TileFailed } from "./TileFailed.tsx";

interface TileViewProps {
  readonly tile: Tile;
  readonly kpi: Kpi | undefined;
  readonly dashboard: Dashboard;
  readonly canArrange: boolean;
  readonly isArranging: boolean;
  readonly update: (how: (dashboard: Dashboard) => Dashboard) => void;
  readonly edit: (tile: Tile) => void;
}

/** A tile: its head, and what it shows. */
export const TileView = memo(function TileView({ tile, kpi, dashboard, canArrange, update, edit }: TileViewProps) {
  const element = useRef<HTMLElement>(null);
  const isSeen = useVisible(element);
  const name = tile.title ?? kpi?.name ?? tile.kpi;
  return (
    <section ref={element} className={`panel ${classes.tile}`} aria-label={name}>
      <div className={classes.head}>
        <h2 className={`clip ${classes.title}`} style={{ margin: 0 }} title={kpi?.description || name}>
          <bdi>{name}</bdi>
        </h2>
        <TileMenu name={name} tile={tile} canArrange={canArrange} update={update} edit={edit} />
      </div>
      <div className={classes.body}>
        {!kpi ? (
          <Empty isSmall title={text.dashboard.gone} hint={text.catalogue.missing(tile.kpi)} />
        ) : tile.by && (tile.kind === "bar" || tile.kind === "table") ? (
          <SplitTile tile={tile} by={tile.by} kpi={kpi} dashboard={dashboard} isSeen={isSeen} />
        ) : (
          <LatestTile tile={tile} kpi={kpi} name={name} dashboard={dashboard} isSeen={isSeen} />
        )}
      </div>
    </section>
  );
});

interface LatestTileProps {
  readonly tile: Tile;
  readonly kpi: Kpi;
  readonly name: string;
  readonly dashboard: Dashboard;
  readonly isSeen: boolean;
}

function LatestTile({ tile, kpi, name, dashboard, isSeen }: LatestTileProps) {
  const { period, range, mode, filters } = dashboard;
  const latest = useLatest(kpi.code, period, range, filters, { mode, isSeen });
  if (latest.error) return <TileFailed error={latest.error} retry={latest.retry} />;
  if (latest.isLoading || latest.points.length === 0) return <Loading height="100%" />;
  const shown = { kpi, name, latest, dashboard };
  return (
    <>
      <Silence latest={latest} />
      {tile.kind === "number" && <NumberTile {...shown} />}
      {tile.kind === "sparkline" && <SparklineTile {...shown} />}
      {(tile.kind === "line" || tile.kind === "bar") && <ChartTile {...shown} kind={tile.kind} />}
      {tile.kind === "table" && <TableTile {...shown} />}
    </>
  );
}

/** That what is shown is not kept up, and why. */
function Silence({ latest }: { latest: Latest }) {
  const { silent } = latest.snapshot;
  if (!silent) return null;
  return (
    <Tooltip label={text.dashboard.silent[silent]}>
      <IconAlertTriangle
        size={16}
        color="var(--warn)"
        style={{ position: "absolute", top: 0, right: 0, zIndex: 1 }}
        role="img"
        aria-label={text.dashboard.silent[silent]}
      />
    </Tooltip>
  );
}

const STEPS: Step[] = ["left", "right", "up", "down", "wider", "narrower", "taller", "shorter"];
const stepLabel = (step: Step) => ({ ...text.dashboard.tile.move, ...text.dashboard.tile.size })[step];

interface TileMenuProps {
  readonly name: string;
  readonly tile: Tile;
  readonly canArrange: boolean;
  readonly update: TileViewProps["update"];
  readonly edit: TileViewProps["edit"];
}

/** Everything that can be done by pointer can be done here by keyboard. */
function TileMenu({ name, tile, canArrange, update, edit }: TileMenuProps) {
  return (
    <Menu position="bottom-end" width={200} closeOnItemClick>
      <Menu.Target>
        <ActionIcon size="sm" aria-label={text.dashboard.tile.menu(name)}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to={`/kpis/${tile.kpi}`}>
          {text.dashboard.tile.open}
        </Menu.Item>
        <Menu.Item onClick={() => edit(tile)}>{text.dashboard.tile.edit}</Menu.Item>
        <Menu.Item onClick={() => update((before) => duplicateTile(before, tile.id, crypto.randomUUID()))}>{text.dashboard.tile.duplicate}</Menu.Item>
        <Menu.Item onClick={() => update((before) => removeTile(before, tile.id))}>{text.dashboard.tile.remove}</Menu.Item>
        {canArrange && <Menu.Divider />}
        {canArrange && <Menu.Label>{text.dashboard.tile.arrangeGroup}</Menu.Label>}
        {canArrange &&
          STEPS.map((step) => (
            <Menu.Item key={step} closeMenuOnClick={false} onClick={() => update((before) => stepTile(before, tile.id, step))}>
              {stepLabel(step)}
            </Menu.Item>
          ))}
      </Menu.Dropdown>
    </Menu>
  );
}
