import { Anchor, Button, Grid, SimpleGrid, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import { PageHeader } from "~/components/PageHeader.tsx";
import { Empty, Failed, Loading } from "~/components/States.tsx";
import { useKpis } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import { useMoved } from "../api/home.ts";
import { FirstSteps } from "./FirstSteps.tsx";
import { KpiCard } from "./KpiCard.tsx";
import { Freshness, Services, UsagePanel } from "./Panels.tsx";

/** Cards that are watched: two rows on a desk, one on a wall. */
const MOST_CARDS = 8;

export function HomePage() {
  const kpis = useKpis();
  const moved = useMoved(kpis.data);
  const period = moved.data?.period ?? "hour";
  const shown = moved.data?.kpis ?? kpis.data;
  return (
    <>
      <PageHeader title={text.home.title} lead={text.home.lead}>
        <Button component={Link} to="/dashboard">
          {text.home.actions.dashboard}
        </Button>
        <Button component={Link} to="/ask" variant="default">
          {text.home.actions.ask}
        </Button>
      </PageHeader>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, lg: 9 }}>
          <section aria-labelledby="moved">
            <Title order={2} id="moved" mb={2}>
              {text.home.moved}
            </Title>
            <Text size="sm" c="dimmed" mb="xs">
              {text.home.movedHint(text.periodWords[period] ?? period)}{" "}
              <Anchor component={Link} to="/kpis" size="sm">
                {text.home.actions.catalogue}
              </Anchor>
            </Text>
            {kpis.error ? (
              <div className="panel">
                <Failed error={kpis.error} retry={() => kpis.refetch()} />
              </div>
            ) : !shown || (kpis.data && kpis.data.length > 0 && moved.isLoading) ? (
              <div className="panel">
                <Loading height={280} />
              </div>
            ) : shown.length === 0 ? (
              <div className="panel">
                <Empty title={text.home.none} hint={text.home.noneHint} />
              </div>
            ) : (
              <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 4 }} spacing="sm">
                {shown.slice(0, MOST_CARDS).map((kpi) => (
                  <KpiCard key={kpi.code} kpi={kpi} period={period} />
                ))}
              </SimpleGrid>
            )}
          </section>
          <FirstSteps isOpen={kpis.data?.length === 0} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 3 }}>
          <Services />
          <Freshness />
          <UsagePanel />
        </Grid.Col>
      </Grid>
    </>
  );
}
