import { Button, CopyButton, Group, Table, Text, Title } from "@mantine/core";
import { Chart } from "~/components/Chart.tsx";
import { Empty } from "~/components/States.tsx";
import type { Kpi, Series } from "~/lib/api/queries.ts";
import { formatNumber } from "~/lib/numbers.ts";
import { formatBucket } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import { type Asked, bucketsOf, type Column, columnsOf, pointsOf, toCsv } from "../question.ts";
import classes from "./Ask.module.css";
import { Plan } from "./Plan.tsx";

/** Rows and columns of the table that are drawn: the CSV has all of them. */
const MOST_ROWS = 500;
const MOST_COLUMNS = 24;

/** Lines of a chart that eyes can tell apart. */
const MOST_LINES = 6;

interface AnswerProps {
  readonly asked: Asked;
  readonly answers: readonly Series[];
  readonly kpis: readonly Kpi[];
}

export function Answer({ asked, answers, kpis }: AnswerProps) {
  const columns = columnsOf(answers, asked.by);
  const buckets = bucketsOf(columns);
  const timeZone = answers[0]?.time_zone;
  if (buckets.length === 0) {
    return (
      <div className="panel">
        <Empty title={text.ask.noPoints} />
      </div>
    );
  }
  return (
    <>
      {answers.map((series) => (
        <section key={series.kpi} className={`panel ${classes.block}`} aria-label={series.name}>
          <Group justify="space-between" gap="xs" mb={4}>
            <Title order={2}>
              <bdi>{series.name}</bdi>
            </Title>
            <Text size="sm" c="dimmed">
              {series.unit}
            </Text>
          </Group>
          <Chart
            kind={buckets.length === 1 ? "bar" : "line"}
            name={series.name}
            height={220}
            period={asked.period}
            timeZone={timeZone}
            unit={series.unit}
            decimals={decimalsOf(series.kpi, kpis)}
            lines={columns
              .filter((column) => column.kpi === series.kpi)
              .slice(0, MOST_LINES)
              .map((column) => ({ name: titleOf(column, false), points: pointsOf(column, buckets) }))}
          />
        </section>
      ))}
      <Values columns={columns} buckets={buckets} asked={asked} kpis={kpis} timeZone={timeZone} />
      <Plan answers={answers} />
    </>
  );
}

interface ValuesProps {
  readonly columns: readonly Column[];
  readonly buckets: readonly number[];
  readonly asked: Asked;
  readonly kpis: readonly Kpi[];
  readonly timeZone: string | undefined;
}

function Values({ columns, buckets, asked, kpis, timeZone }: ValuesProps) {
  const many = new Set(columns.map((column) => column.kpi)).size > 1;
  const shown = columns.slice(0, MOST_COLUMNS);
  const rows = [...buckets].reverse().slice(0, MOST_ROWS);
  const titles = columns.map((column) => titleOf(column, many));
  return (
    <section className={`panel ${classes.block}`} aria-labelledby="values">
      <Group justify="space-between" gap="xs" mb={6}>
        <div>
          <Title order={2} id="values">
            {text.ask.table}
          </Title>
          <Text size="xs" c="dimmed" className="number">
            {text.ask.rows(rows.length, buckets.length)}
          </Text>
        </div>
        <CopyButton value={toCsv(columns, titles, "from")}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy}>
              {copied ? text.ask.copied : text.ask.copy}
            </Button>
          )}
        </CopyButton>
      </Group>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset has fields */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard too */}
      <div className={classes.scroll} tabIndex={0} role="group" aria-labelledby="values">
        <Table stickyHeader verticalSpacing={3} fz="sm" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{text.ask.bucket}</Table.Th>
              {shown.map((column, index) => (
                <Table.Th key={`${column.kpi} ${column.group}`} ta="right">
                  <bdi>{titles[index]}</bdi>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((bucket) => (
              <Table.Tr key={bucket}>
                <Table.Td className="number" style={{ whiteSpace: "nowrap" }}>
                  {formatBucket(bucket, asked.period, timeZone)}
                </Table.Td>
                {shown.map((column) => (
                  <Table.Td key={`${column.kpi} ${column.group}`} ta="right" className="number">
                    {formatNumber(column.values.get(bucket), { decimals: decimalsOf(column.kpi, kpis) })}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}

function titleOf(column: Column, many: boolean): string {
  if (column.group === null) return column.name;
  const group = column.group || text.dashboard.withoutValue;
  return many ? `${column.name} · ${group}` : group;
}

function decimalsOf(code: string, kpis: readonly Kpi[]): number | undefined {
  return kpis.find((kpi) => kpi.code === code)?.decimals;
}
