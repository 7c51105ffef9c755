import { Alert, Button, Group, Text } from "@mantine/core";
import { useDisclosure, useFullscreenDocument } from "@mantine/hooks";
import { IconMaximize, IconPlus } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { PageHeader } from "~/components/PageHeader.tsx";
import { Empty, Failed, Loading } from "~/components/States.tsx";
import { useKpis } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import { useDashboards } from "../api/dashboards.ts";
import { addTile, type Dashboard, MOST_TILES, newDashboard, startWith, type Tile } from "../model.ts";
import { Controls } from "./Controls.tsx";
import { DashboardMenu } from "./DashboardMenu.tsx";
import { TileEditor } from "./TileEditor.tsx";

const Tiles = lazy(() => import("./Tiles.tsx").then((module) => ({ default: module.Tiles })));

/** A dashboard of tiles, all live over one connection. */
export function DashboardPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const kpis = useKpis();
  const [isArranging, setArranging] = useState(false);
  const [isAdding, { open, close }] = useDisclosure(false);
  const [edited, setEdited] = useState<Tile | null>(null);
  const kept = useDashboards(isArranging || isAdding || edited !== null);
  // The whole page: menus and dialogs are beside this element, and the connection says how it is on a wall too.
  const { toggle, fullscreen } = useFullscreenDocument();
  // The first one is there before anybody has made one; it is kept once it is changed.
  const first = useMemo(() => newDashboard("first", text.dashboard.untitled), []);
  const dashboard = kept.dashboards.find((each) => each.id === id) ?? kept.dashboards[0] ?? first;

  const { change } = kept;
  const update = useCallback(
    (how: (dashboard: Dashboard) => Dashboard) =>
      change((all) => {
        const before = all.find((each) => each.id === dashboard.id);
        const after = how(before ?? dashboard);
        if (after === before) return all;
        return before ? all.map((each) => (each === before ? after : each)) : [...all, after];
      }),
    [change, dashboard],
  );

  if (kpis.error && !kpis.data) return <Failed error={kpis.error} retry={() => kpis.refetch()} />;
  if (!kpis.data) return <Loading height="50vh" />;
  const isFull = dashboard.tiles.length >= MOST_TILES;
  const add = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open} disabled={isFull} title={isFull ? text.dashboard.too(MOST_TILES) : undefined}>
      {text.dashboard.add}
    </Button>
  );
  return (
    <div>
      <PageHeader title={dashboard.name}>
        {dashboard.tiles.length > 0 && (
          <Button variant={isArranging ? "filled" : "default"} aria-pressed={isArranging} onClick={() => setArranging(!isArranging)} visibleFrom="sm">
            {isArranging ? text.dashboard.arranged : text.dashboard.arrange}
          </Button>
        )}
        <Button variant="default" leftSection={<IconMaximize size={16} aria-hidden />} onClick={() => toggle()} aria-pressed={fullscreen} visibleFrom="sm">
          {text.dashboard.fullScreen}
        </Button>
        <DashboardMenu kept={kept} dashboard={dashboard} update={update} open={(other) => navigate(`/dashboard/${other}`)} />
        {dashboard.tiles.length > 0 && add}
      </PageHeader>
      {kept.theirs && (
        <Alert mb="sm" color="yellow" variant="light" title={text.dashboard.changedElsewhere} role="alert">
          <Group gap="xs">
            <Button size="compact-sm" variant="default" onClick={kept.takeTheirs}>
              {text.dashboard.takeTheirs}
            </Button>
            <Button size="compact-sm" variant="default" onClick={kept.keepMine}>
              {text.dashboard.keepMine}
            </Button>
          </Group>
        </Alert>
      )}
      {kpis.data.length === 0 ? (
        <div className="panel">
          <Empty title={text.dashboard.noKpis} hint={text.dashboard.noKpisHint} />
        </div>
      ) : dashboard.tiles.length === 0 ? (
        <div className="panel">
          <Empty title={text.dashboard.empty} hint={text.dashboard.emptyHint}>
            <Group mt="xs" gap="xs" justify="center">
              {add}
              <Button
                variant="default"
                onClick={() =>
                  update((before) =>
                    startWith(
                      before,
                      kpis.data.map((kpi) => kpi.code),
                      () => crypto.randomUUID(),
                    ),
                  )
                }
              >
                {text.dashboard.start}
              </Button>
            </Group>
          </Empty>
        </div>
      ) : (
        <>
          <Controls dashboard={dashboard} kpis={kpis.data} update={update} />
          <Suspense fallback={<Loading height="50vh" />}>
            <Tiles dashboard={dashboard} kpis={kpis.data} isArranging={isArranging} update={update} edit={setEdited} />
          </Suspense>
        </>
      )}
      <Text size="xs" c="dimmed" mt="md">
        {kept.isKept ? text.dashboard.local : text.dashboard.notKept}
      </Text>
      <TileEditor
        key={edited?.id ?? (isAdding ? "new" : "none")}
        isOpen={isAdding || edited !== null}
        tile={edited}
        kpis={kpis.data}
        close={() => {
          close();
          setEdited(null);
        }}
        done={(tile) =>
          update((before) =>
            edited
              ? {
                  ...before,
                  tiles: before.tiles.map((each) => (each.id === edited.id ? ({ ...each, title: undefined, by: undefined, ...tile } as Tile) : each)),
                }
              : addTile(before, crypto.randomUUID(), tile),
          )
        }
      />
    </div>
  );
}
