import "react-grid-layout/css/styles.css";
import { useMediaQuery } from "@mantine/hooks";
import ReactGridLayout, { useContainerWidth } from "react-grid-layout";
import type { Kpi } from "~/lib/api/queries.ts";
import { COLUMNS, type Dashboard, inOrder, MOST_ROWS, placeTiles, type Tile } from "../model.ts";
import classes from "./Dashboard.module.css";
import { TileView } from "./TileView.tsx";

const ROW_PIXELS = 56;
const GAP_PIXELS = 12;

interface TilesProps {
  readonly dashboard: Dashboard;
  readonly kpis: readonly Kpi[];
  readonly isArranging: boolean;
  readonly update: (how: (dashboard: Dashboard) => Dashboard) => void;
  readonly edit: (tile: Tile) => void;
}

/** The grid of tiles; on a phone they stand below each other, in the order in which one reads them. */
export function Tiles({ dashboard, kpis, isArranging, update, edit }: TilesProps) {
  const { width, containerRef, mounted } = useContainerWidth();
  const isNarrow = useMediaQuery("(max-width: 48em)", undefined, { getInitialValueInEffect: false });
  const view = (tile: Tile) => (
    <TileView
      tile={tile}
      dashboard={dashboard}
      kpi={kpis.find((kpi) => kpi.code === tile.kpi)}
      canArrange={!isNarrow}
      isArranging={isArranging}
      update={update}
      edit={edit}
    />
  );
  if (isNarrow) {
    return (
      <div className={classes.list}>
        {inOrder(dashboard.tiles).map((tile) => (
          <div key={tile.id} style={{ height: tile.h * ROW_PIXELS + (tile.h - 1) * GAP_PIXELS }}>
            {view(tile)}
          </div>
        ))}
      </div>
    );
  }
  return (
    <div ref={containerRef as React.RefObject<HTMLDivElement>} className={classes.grid}>
      {mounted && (
        <ReactGridLayout
          width={width}
          layout={dashboard.tiles.map(({ id, x, y, w, h }) => ({ i: id, x, y, w, h, minW: 2, minH: 2, maxH: MOST_ROWS }))}
          gridConfig={{ cols: COLUMNS, rowHeight: ROW_PIXELS, margin: [GAP_PIXELS, GAP_PIXELS], containerPadding: [0, 0] }}
          dragConfig={{ enabled: isArranging, handle: `.${classes.head}`, cancel: "button" }}
          resizeConfig={{ enabled: isArranging, handles: ["se"] }}
          onLayoutChange={(layout) => update((before) => placeTiles(before, layout))}
        >
          {/* In the order in which one reads them, which is that of the keyboard. */}
          {inOrder(dashboard.tiles).map((tile) => (
            <div key={tile.id} className={isArranging ? classes.arranging : undefined}>
              {view(tile)}
            </div>
          ))}
        </ReactGridLayout>
      )}
    </div>
  );
}
