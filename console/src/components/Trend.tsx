import { Text } from "@mantine/core";
import { formatNumber, judge } from "~/lib/numbers.ts";
import { text } from "~/lib/text.ts";

/** A change in percent: its sign, an arrow, and colour only where the KPI says which way is good. */
export function Trend({ change, direction, size = "sm" }: { change: number | null; direction?: string | undefined; size?: string }) {
  if (change === null) return null;
  const verdict = judge(change, direction);
  return (
    <Text
      component="span"
      size={size}
      fw={600}
      className={`number ${verdict === "neutral" ? "quiet" : verdict}`}
      title={verdict === "neutral" ? undefined : text[verdict]}
    >
      <span aria-hidden>{change > 0 ? "▲ " : change < 0 ? "▼ " : ""}</span>
      {formatNumber(change, { decimals: 1, signed: true, rounded: true })} %
    </Text>
  );
}
