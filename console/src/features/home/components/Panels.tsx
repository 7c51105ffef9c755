import { Group, Text, Title } from "@mantine/core";
import { Failed } from "~/components/States.tsx";
import { Problem } from "~/lib/api/client.ts";
import { useNow } from "~/lib/clock.ts";
import { useLiveStatus } from "~/lib/live/hooks.ts";
import { formatNumber } from "~/lib/numbers.ts";
import { formatAgo, formatInstant, formatTime } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import { useHealth, useUsage } from "../api/home.ts";
import classes from "./Home.module.css";

export function Services() {
  const health = useHealth();
  const state = health.isError ? "failing" : (health.data?.status ?? "unknown");
  const told = health.isError
    ? text.states.unreachable
    : state === "ok"
      ? text.home.healthOk
      : state === "failing"
        ? text.home.healthFailing
        : text.home.healthUnknown;
  return (
    <section className={`panel ${classes.side}`} aria-labelledby="services">
      <Title order={2} id="services">
        {text.home.health}
      </Title>
      <Group gap={8} mt={4} wrap="nowrap">
        <span className="dot" data-state={state} aria-hidden />
        <Text size="sm" role="status">
          {told}
        </Text>
      </Group>
      <Text size="xs" c="dimmed" className="number" mih={18}>
        {health.data && text.home.checked(formatTime(health.data.at))}
      </Text>
    </section>
  );
}

/** How far the data of each entity has come, which the live connection tells every few seconds. */
export function Freshness() {
  const { watermark, asOf } = useLiveStatus();
  const now = useNow();
  const entities = Object.entries(watermark);
  return (
    <section className={`panel ${classes.side}`} aria-labelledby="freshness">
      <Title order={2} id="freshness">
        {text.home.freshness}
      </Title>
      {entities.length === 0 && (
        <Text size="sm" c="dimmed">
          {asOf === null ? text.home.freshnessWaiting : text.home.freshnessNone}
        </Text>
      )}
      {entities.map(([entity, at]) => (
        <div className={classes.row} key={entity} title={formatInstant(at)}>
          <span className="clip">{entity}</span>
          <span className="number quiet">{formatAgo(Math.min(Date.parse(at), now), now)}</span>
        </div>
      ))}
    </section>
  );
}

const USED = [
  { name: "facts", label: text.home.facts },
  { name: "events_per_minute", label: text.home.events },
  { name: "kpis", label: text.home.kpis },
  { name: "entities", label: text.home.entities },
  { name: "dead_letters", label: text.home.deadLetters },
] as const;

export function UsagePanel() {
  const usage = useUsage();
  if (usage.error instanceof Problem && usage.error.status === 403) return null;
  return (
    <section className={`panel ${classes.side}`} aria-labelledby="usage">
      <Title order={2} id="usage">
        {text.home.usage}
      </Title>
      {usage.error && !usage.data ? (
        <Failed error={usage.error} retry={() => usage.refetch()} />
      ) : (
        USED.map(({ name, label }) => {
          const used = usage.data?.[name];
          const whole = used && text.home.of(formatNumber(used.used, { decimals: 0 }), formatNumber(used.limit, { decimals: 0 }));
          return (
            <div className={classes.row} key={name} title={whole}>
              <span className="clip">{label}</span>
              <span className="number">{formatNumber(used?.used, { decimals: 0 })}</span>
            </div>
          );
        })
      )}
    </section>
  );
}
