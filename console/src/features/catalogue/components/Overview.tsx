import { Anchor, Text, Title } from "@mantine/core";
import { Fragment } from "react";
import { Link } from "react-router";
import { Formula } from "~/components/Formula.tsx";
import { type Kpi, useReads } from "~/lib/api/queries.ts";
import { writtenGoal } from "~/lib/goals.ts";
import { unitSuffix } from "~/lib/numbers.ts";
import { text } from "~/lib/text.ts";
import classes from "./Catalogue.module.css";

/** What a KPI is: its formula, what that reads, and what its value is held against. */
export function Overview({ kpi }: { kpi: Kpi }) {
  return (
    <>
      <section className={`panel ${classes.block}`} aria-labelledby="formula">
        <Title order={3} id="formula" mb={8}>
          {text.catalogue.formula}
        </Title>
        <Formula>{kpi.formula}</Formula>
        <Reads formula={kpi.formula} />
        {kpi.refers_to && kpi.refers_to.length > 0 && (
          <Text size="sm" mt={8}>
            {text.catalogue.refersTo}{" "}
            {kpi.refers_to.map((code, index) => (
              <Fragment key={code}>
                {index > 0 && ", "}
                <Anchor component={Link} to={`/kpis/${code}`} size="sm">
                  {code}
                </Anchor>
              </Fragment>
            ))}
          </Text>
        )}
      </section>
      <div className={classes.columns}>
        <section className={`panel ${classes.block}`} aria-label={text.catalogue.overview}>
          <dl className={classes.facts}>
            <Fact name={text.catalogue.code} value={kpi.code} />
            <Fact name={text.catalogue.unit} value={kpi.unit || text.catalogue.noUnit} />
            <Fact name={text.catalogue.direction} value={text.catalogue.directions[kpi.direction ?? "neutral"] ?? kpi.direction} />
            <Fact name={text.catalogue.chain} value={kpi.value_chain || text.catalogue.noChain} />
            <Fact name={text.catalogue.module} value={kpi.module || text.catalogue.noModule} />
          </dl>
        </section>
        <Targets kpi={kpi} />
      </div>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string | undefined }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </>
  );
}

function Reads({ formula }: { formula: string }) {
  const { data } = useReads(formula);
  return (
    <Text size="sm" mt={8} mih={22} c="dimmed" style={{ overflowWrap: "anywhere" }}>
      {data &&
        data.reads.length > 0 &&
        `${text.catalogue.reads} ${data.reads.map((read) => (read.attributes.length > 0 ? `${read.entity} (${read.attributes.join(", ")})` : read.entity)).join(", ")}`}
    </Text>
  );
}

function Targets({ kpi }: { kpi: Kpi }) {
  const goals = (["target", "warning", "critical"] as const).flatMap((name) => {
    const written = writtenGoal(kpi[name]);
    return written === null ? [] : [{ name, written }];
  });
  return (
    <section className={`panel ${classes.block}`} aria-labelledby="targets">
      <Title order={3} id="targets" mb={8}>
        {text.catalogue.targets}
      </Title>
      {goals.length === 0 ? (
        <Text size="sm" c="dimmed">
          {text.catalogue.noTargets}
        </Text>
      ) : (
        <dl className={classes.facts}>
          {goals.map(({ name, written }) => (
            <Fact key={name} name={text.catalogue[name]} value={`${written}${unitSuffix(kpi.unit)}`} />
          ))}
        </dl>
      )}
    </section>
  );
}
