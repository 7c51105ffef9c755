import { Popover, Stack, Text, UnstyledButton } from "@mantine/core";
import { useNow } from "~/lib/clock.ts";
import { useLiveStatus } from "~/lib/live/hooks.ts";
import { formatAgo, formatTime } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import classes from "./ConnectionState.module.css";

/** How the live connection is, and as of when what is shown is. */
export function ConnectionState() {
  const { state, asOf, watermark } = useLiveStatus();
  return (
    <Popover position="bottom-end" width={280} shadow="md">
      <Popover.Target>
        <UnstyledButton className={classes.state} data-state={state}>
          <span className="dot" data-state={state} aria-hidden />
          <span role="status" aria-live="polite">
            {text.connection[state]}
          </span>
          {asOf !== null && state !== "idle" && <span className={`number quiet ${classes.time}`}>{text.connection.asOf(formatTime(asOf))}</span>}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap={6}>
          <Text size="sm">{text.connection.explain[state]}</Text>
          <Watermark watermark={watermark} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function Watermark({ watermark }: { watermark: Readonly<Record<string, string>> }) {
  const now = useNow();
  const entities = Object.entries(watermark);
  if (entities.length === 0) return null;
  return (
    <div>
      <Text size="xs" c="dimmed">
        {text.connection.data}
      </Text>
      {entities.map(([entity, at]) => (
        <Text key={entity} size="sm" className="number">
          {text.connection.entity(entity, formatAgo(Date.parse(at), now))}
        </Text>
      ))}
    </div>
  );
}
