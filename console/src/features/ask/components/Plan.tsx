import { Table, Title } from "@mantine/core";
import type { Series } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";
import classes from "./Ask.module.css";

/** From what the numbers were read. */
export function Plan({ answers }: { answers: readonly Series[] }) {
  return (
    <section className={`panel ${classes.block}`} aria-labelledby="how">
      <Title order={2} id="how" mb={6}>
        {text.ask.how}
      </Title>
      <Table fz="sm" verticalSpacing={3}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{text.dashboard.tile.kpi}</Table.Th>
            <Table.Th>{text.ask.entity}</Table.Th>
            <Table.Th>{text.ask.source}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {answers.flatMap((series) =>
            series.plan.map((step) => (
              <Table.Tr key={`${series.kpi} ${step.relation} ${step.level}`}>
                <Table.Td>
                  <bdi>{series.name}</bdi>
                </Table.Td>
                <Table.Td>{step.entity}</Table.Td>
                <Table.Td>
                  {step.raw ? text.ask.raw : text.ask.rollup(step.level, (step.grouping ?? []).join(", "))},{" "}
                  {series.mode === "approximate" ? text.ask.approximate : text.ask.exact}
                </Table.Td>
              </Table.Tr>
            )),
          )}
        </Table.Tbody>
      </Table>
    </section>
  );
}
