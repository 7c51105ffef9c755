import { describe, expect, it } from "vitest";
import {
  addTile,
  COLUMNS,
  type Dashboard,
  duplicateTile,
  inOrder,
  isDashboards,
  MOST_TILES,
  newDashboard,
  overlap,
  placeTiles,
  removeTile,
  startWith,
  type Step,
  stepTile,
  type Tile,
} from "./model.ts";

const EMPTY = newDashboard("d", "Mine");

function withTiles(...kinds: Tile["kind"][]): Dashboard {
  return kinds.reduce((dashboard, kind, index) => addTile(dashboard, `t${index}`, { kpi: "K", kind }), EMPTY);
}

const placeOf = (dashboard: Dashboard, id: string) => {
  const tile = dashboard.tiles.find((each) => each.id === id);
  return tile && [tile.x, tile.y, tile.w, tile.h];
};

function expectNoOverlap({ tiles }: Dashboard): void {
  for (const one of tiles) for (const other of tiles) if (one !== other) expect(overlap(one, other), `${one.id} and ${other.id}`).toBe(false);
}

describe("a tile", () => {
  it("goes where there is room, and below everything where there is none", () => {
    const dashboard = withTiles("number", "number", "line", "number", "line");
    expect(dashboard.tiles.map((tile) => placeOf(dashboard, tile.id))).toEqual([
      [0, 0, 3, 2],
      [3, 0, 3, 2],
      [6, 0, 6, 4],
      [0, 2, 3, 2],
      [0, 4, 6, 4],
    ]);
    expectNoOverlap(dashboard);
  });

  it.each<[Step, number[]]>([
    ["left", [0, 0, 3, 2]],
    ["right", [1, 0, 3, 2]],
    ["up", [0, 0, 3, 2]],
    ["down", [0, 6, 3, 2]],
    ["wider", [0, 0, 4, 2]],
    ["narrower", [0, 0, 2, 2]],
    ["taller", [0, 0, 3, 3]],
    ["shorter", [0, 0, 3, 2]],
  ])("takes the step %s by keyboard, and none out of the grid", (step, expected) => {
    const dashboard = stepTile(withTiles("number", "number", "number", "number", "line"), "t0", step);
    expect(placeOf(dashboard, "t0")).toEqual(expected);
    expectNoOverlap(dashboard);
  });

  it("changes places with its neighbour above", () => {
    const dashboard = stepTile(withTiles("number", "number", "number", "number", "line"), "t4", "up");
    expect(placeOf(dashboard, "t4")).toEqual([0, 0, 6, 4]);
    expect([placeOf(dashboard, "t0"), placeOf(dashboard, "t1"), placeOf(dashboard, "t2")]).toEqual([
      [0, 4, 3, 2],
      [3, 4, 3, 2],
      [6, 0, 3, 2],
    ]);
    expectNoOverlap(dashboard);
  });

  it("is duplicated beside itself, and removed", () => {
    const dashboard = duplicateTile(withTiles("number"), "t0", "copy");
    expect(placeOf(dashboard, "copy")).toEqual([3, 0, 3, 2]);
    expect(removeTile(dashboard, "t0").tiles.map((tile) => tile.id)).toEqual(["copy"]);
    expect(duplicateTile(dashboard, "nobody", "x")).toBe(dashboard);
  });
});

it("begins with the numbers in a row and two lines below", () => {
  let last = 0;
  const started = startWith(EMPTY, ["A", "B", "C", "D", "E"], () => {
    last += 1;
    return String(last);
  });
  expect(started.tiles.map(({ kpi, kind, x, y }) => [kpi, kind, x, y])).toEqual([
    ["A", "number", 0, 0],
    ["B", "number", 3, 0],
    ["C", "number", 6, 0],
    ["D", "number", 9, 0],
    ["A", "line", 0, 2],
    ["B", "line", 6, 2],
  ]);
});

it("has so many tiles at most", () => {
  const full = withTiles(...Array.from({ length: MOST_TILES }, () => "number" as const));
  expect(full.tiles).toHaveLength(MOST_TILES);
  expect(addTile(full, "x", { kpi: "K", kind: "number" })).toBe(full);
  expect(duplicateTile(full, "t0", "x")).toBe(full);
  expectNoOverlap(full);
});

it("is the same object where nothing was moved, so that nothing is kept anew", () => {
  const dashboard = withTiles("number", "line");
  const places = dashboard.tiles.map(({ id, x, y, w, h }) => ({ i: id, x, y, w, h }));
  expect(placeTiles(dashboard, places)).toBe(dashboard);
  expect(placeOf(placeTiles(dashboard, [{ i: "t0", x: 5, y: 9, w: 4, h: 4 }]), "t0")).toEqual([5, 9, 4, 4]);
});

it("is read row by row", () => {
  const tiles = [
    { id: "c", x: 0, y: 4 },
    { id: "b", x: 6, y: 0 },
    { id: "a", x: 0, y: 0 },
  ] as Tile[];
  expect(inOrder(tiles).map((tile) => tile.id)).toEqual(["a", "b", "c"]);
});

it.each<[string, unknown, boolean]>([
  ["what was kept", [withTiles("number", "line")], true],
  ["none", [], true],
  ["another version's", { dashboards: [] }, false],
  ["a period that is none", [{ ...EMPTY, period: "eon" }], false],
  ["a filter of numbers", [{ ...EMPTY, filters: { a: [1] } }], false],
  ["a tile beside the grid", [{ ...EMPTY, tiles: [{ id: "a", kpi: "K", kind: "number", x: COLUMNS, y: 0, w: 1, h: 1 }] }], false],
  ["a tile of a kind that is none", [{ ...EMPTY, tiles: [{ id: "a", kpi: "K", kind: "hologram", x: 0, y: 0, w: 2, h: 2 }] }], false],
  ["a tile without height", [{ ...EMPTY, tiles: [{ id: "a", kpi: "K", kind: "number", x: 0, y: 0, w: 2, h: 0 }] }], false],
  ["nothing", null, false],
])("reads %s", (_, kept, expected) => {
  expect(isDashboards(kept)).toBe(expected);
});
