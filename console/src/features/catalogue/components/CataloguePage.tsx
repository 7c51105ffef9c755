import { Anchor, ScrollArea, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useDeferredValue, useState } from "react";
import { Link, useParams } from "react-router";
import { PageHeader } from "~/components/PageHeader.tsx";
import { Empty, Failed, Loading } from "~/components/States.tsx";
import { useKpis } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import { search } from "../tree.ts";
import classes from "./Catalogue.module.css";
import { KpiDetail } from "./KpiDetail.tsx";
import { KpiTree } from "./KpiTree.tsx";

/** All KPIs beside the one that is looked at; on a phone, one after the other. */
export function CataloguePage() {
  const { code } = useParams();
  const kpis = useKpis();
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed);
  if (kpis.error && !kpis.data) return <Failed error={kpis.error} retry={() => kpis.refetch()} />;
  if (!kpis.data) return <Loading height="50vh" />;
  if (kpis.data.length === 0) {
    return (
      <>
        <PageHeader title={text.catalogue.title} />
        <div className="panel">
          <Empty title={text.dashboard.noKpis} hint={text.dashboard.noKpisHint} />
        </div>
      </>
    );
  }
  const found = search(kpis.data, wanted);
  const chosen = kpis.data.find((kpi) => kpi.code === code);
  return (
    <div className={classes.page} data-chosen={code !== undefined}>
      <div className={classes.side}>
        <PageHeader title={text.catalogue.title} />
        <TextInput
          aria-label={text.catalogue.search}
          placeholder={text.catalogue.search}
          type="search"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Text size="xs" c="dimmed" my={6} role="status" className="number">
          {text.catalogue.count(found.length, kpis.data.length)}
        </Text>
        <ScrollArea className={`panel ${classes.tree}`} type="auto">
          {found.length === 0 ? (
            <Empty title={text.catalogue.nothing} hint={text.catalogue.nothingHint} />
          ) : (
            <KpiTree kpis={found} chosen={code} isSearching={wanted.trim() !== ""} />
          )}
        </ScrollArea>
      </div>
      <div className={classes.detail}>
        <Anchor component={Link} to="/kpis" size="sm" className={classes.back}>
          {text.catalogue.back}
        </Anchor>
        {chosen ? (
          <KpiDetail key={chosen.code} kpi={chosen} />
        ) : (
          <div className="panel">
            {code === undefined ? <Empty title={text.catalogue.choose} hint={text.catalogue.chooseHint} /> : <Empty title={text.catalogue.missing(code)} />}
          </div>
        )}
      </div>
    </div>
  );
}
