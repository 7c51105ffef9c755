// What a dashboard is, and what can be done with it. Pure: the same dashboard goes in and another one comes out.
import { defaultRange, isPeriod, type OfferedPeriod } from "~/lib/periods.ts";

export const KINDS = ["number", "line", "bar", "sparkline", "table"] as const;
export type Kind = (typeof KINDS)[number];

/** Columns of the grid. */
export const COLUMNS = 12;

/** Rows of the grid that a tile may have. */
export const MOST_ROWS = 12;

/** Tiles of one dashboard: 100 live ones are drawn without a hitch, and a connection has 500 topics. */
export const MOST_TILES = 100;

/** Letters of a name. */
export const NAME_LETTERS = 200;

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Tile extends Place {
  readonly id: string;
  readonly kpi: string;
  readonly kind: Kind;
  /** The KPI's name when absent. */
  readonly title?: string;
  /** A dimension, for bars and tables. */
  readonly by?: string;
}

export interface Dashboard {
  readonly id: string;
  readonly name: string;
  readonly period: OfferedPeriod;
  /** Buckets back. */
  readonly range: number;
  readonly mode: "live" | "closed";
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly tiles: readonly Tile[];
}

const SIZES: Record<Kind, { w: number; h: number }> = {
  number: { w: 3, h: 2 },
  sparkline: { w: 3, h: 2 },
  line: { w: 6, h: 4 },
  bar: { w: 6, h: 4 },
  table: { w: 4, h: 4 },
};

export function newDashboard(id: string, name: string): Dashboard {
  return { id, name, period: "minute", range: defaultRange("minute"), mode: "live", filters: {}, tiles: [] };
}

/** A tile where there is room: beside the last ones, or below them all. */
export function addTile(dashboard: Dashboard, id: string, tile: Pick<Tile, "kpi" | "kind" | "title" | "by">): Dashboard {
  if (dashboard.tiles.length >= MOST_TILES) return dashboard;
  const size = SIZES[tile.kind];
  const place = { ...freePlace(dashboard.tiles, size), ...size };
  return { ...dashboard, tiles: [...dashboard.tiles, { ...tile, ...place, id }] };
}

/** KPIs of which a first dashboard is made. */
const STARTERS = 4;

/** What one may begin with: the numbers in a row, and how the first two went. */
export function startWith(dashboard: Dashboard, kpis: readonly string[], newId: () => string): Dashboard {
  const some = kpis.slice(0, STARTERS);
  const tiles = [...some.map((kpi) => ({ kpi, kind: "number" as const })), ...some.slice(0, 2).map((kpi) => ({ kpi, kind: "line" as const }))];
  return tiles.reduce((before, tile) => addTile(before, newId(), tile), dashboard);
}

function freePlace(tiles: readonly Tile[], { w, h }: { w: number; h: number }): { x: number; y: number } {
  const bottom = Math.max(0, ...tiles.map((tile) => tile.y + tile.h));
  for (let y = 0; y < bottom; y += 1) {
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      if (!tiles.some((tile) => overlap(tile, { x, y, w, h }))) return { x, y };
    }
  }
  return { x: 0, y: bottom };
}

export function overlap(one: Place, other: Place): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;
}

export function changeTile(dashboard: Dashboard, id: string, change: Partial<Omit<Tile, "id">>): Dashboard {
  return { ...dashboard, tiles: dashboard.tiles.map((tile) => (tile.id === id ? { ...tile, ...change } : tile)) };
}

export function removeTile(dashboard: Dashboard, id: string): Dashboard {
  return { ...dashboard, tiles: dashboard.tiles.filter((tile) => tile.id !== id) };
}

export function duplicateTile(dashboard: Dashboard, id: string, newId: string): Dashboard {
  const tile = dashboard.tiles.find((each) => each.id === id);
  if (!tile || dashboard.tiles.length >= MOST_TILES) return dashboard;
  return { ...dashboard, tiles: [...dashboard.tiles, { ...tile, ...freePlace(dashboard.tiles, tile), id: newId }] };
}

/** Where tiles were put. The same dashboard when nothing was moved. */
export function placeTiles(dashboard: Dashboard, places: readonly (Place & { readonly i: string })[]): Dashboard {
  let moved = false;
  const tiles = dashboard.tiles.map((tile) => {
    const place = places.find((each) => each.i === tile.id);
    if (!place || (place.x === tile.x && place.y === tile.y && place.w === tile.w && place.h === tile.h)) return tile;
    moved = true;
    return { ...tile, x: place.x, y: place.y, w: place.w, h: place.h };
  });
  return moved ? { ...dashboard, tiles } : dashboard;
}

export type Step = "left" | "right" | "up" | "down" | "wider" | "narrower" | "taller" | "shorter";

/** One step by keyboard: where it would leave the grid, nothing changes. */
export function stepTile(dashboard: Dashboard, id: string, step: Step): Dashboard {
  const tile = dashboard.tiles.find((each) => each.id === id);
  if (!tile) return dashboard;
  const { x, y, w, h } = tile;
  const places: Record<Step, Place> = {
    left: { x: x - 1, y, w, h },
    right: { x: x + 1, y, w, h },
    // The grid leaves no gap above a tile: it changes places with its neighbour.
    up: { x, y: neighbour(dashboard.tiles, tile, "above")?.y ?? y, w, h },
    down: { x, y: bottom(neighbour(dashboard.tiles, tile, "below")) ?? y, w, h },
    wider: { x, y, w: w + 1, h },
    narrower: { x, y, w: w - 1, h },
    taller: { x, y, w, h: h + 1 },
    shorter: { x, y, w, h: h - 1 },
  };
  const place = places[step];
  const fits = place.x >= 0 && place.y >= 0 && place.w >= 2 && place.h >= 2 && place.h <= MOST_ROWS && place.x + place.w <= COLUMNS;
  return fits ? { ...dashboard, tiles: settle(dashboard.tiles, { ...tile, ...place }) } : dashboard;
}

/** The tile that is next above or below, in any of the same columns. */
function neighbour(tiles: readonly Tile[], tile: Tile, where: "above" | "below"): Tile | undefined {
  const beside = tiles.filter((other) => other.x < tile.x + tile.w && tile.x < other.x + other.w);
  const above = beside.filter((other) => other.y < tile.y).sort((one, other) => other.y - one.y);
  const below = beside.filter((other) => other.y > tile.y).sort((one, other) => one.y - other.y);
  return where === "above" ? above[0] : below[0];
}

function bottom(tile: Tile | undefined): number | undefined {
  return tile && tile.y + tile.h;
}

/** Puts a tile where it is wanted: what lies there goes below it, and so on. */
function settle(tiles: readonly Tile[], wanted: Tile): Tile[] {
  const placed: Tile[] = [wanted];
  const others = tiles.filter((tile) => tile.id !== wanted.id).sort((one, other) => one.y - other.y || one.x - other.x);
  for (const tile of others) {
    let at = tile;
    while (placed.some((each) => overlap(each, at))) at = { ...at, y: at.y + 1 };
    placed.push(at);
  }
  return tiles.map((tile) => placed.find((each) => each.id === tile.id) ?? tile);
}

/** Tiles as one reads them: for a phone, and for the keyboard. */
export function inOrder(tiles: readonly Tile[]): Tile[] {
  return [...tiles].sort((one, other) => one.y - other.y || one.x - other.x);
}

/** The kept dashboards, or none: what is kept may be of another version, or somebody's own work. */
export function isDashboards(value: unknown): value is Dashboard[] {
  return Array.isArray(value) && value.every(isDashboard);
}

function isDashboard(value: unknown): value is Dashboard {
  const one = value as Dashboard;
  return (
    typeof one?.id === "string" &&
    typeof one.name === "string" &&
    isPeriod(one.period) &&
    Number.isInteger(one.range) &&
    one.range >= 1 &&
    (one.mode === "live" || one.mode === "closed") &&
    typeof one.filters === "object" &&
    one.filters !== null &&
    Object.values(one.filters).every((values) => Array.isArray(values) && values.every((each) => typeof each === "string")) &&
    Array.isArray(one.tiles) &&
    one.tiles.length <= MOST_TILES &&
    one.tiles.every(isTile)
  );
}

function isTile(value: unknown): value is Tile {
  const tile = value as Tile;
  const whole = [tile?.x, tile?.y, tile?.w, tile?.h].every((number) => Number.isInteger(number) && number >= 0);
  return (
    whole &&
    tile.w >= 1 &&
    tile.h >= 1 &&
    tile.x + tile.w <= COLUMNS &&
    typeof tile.id === "string" &&
    typeof tile.kpi === "string" &&
    KINDS.includes(tile.kind)
  );
}
