import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import type { Kpi } from "~/lib/api/queries.ts";
import { text } from "~/lib/text.ts";

/** A table of values of a KPI: what each is of, under `label`, and the value. The rows are the caller's. */
export function ValueTable({ label, kpi, children }: { label: string; kpi: Kpi; children: ReactNode }) {
  return (
    <Table stickyHeader verticalSpacing={2} fz="sm">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{label}</Table.Th>
          <Table.Th ta="right">{kpi.unit || text.dashboard.value}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>{children}</Table.Tbody>
    </Table>
  );
}
