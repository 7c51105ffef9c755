import { Button, Center, Loader, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Problem, Unreachable } from "~/lib/api/client.ts";
import { text } from "~/lib/text.ts";

/** Nothing is here, why that is, and what to do about it. */
export function Empty({ title, hint, isSmall, children }: { title: string; hint?: string | undefined; isSmall?: boolean; children?: ReactNode }) {
  return (
    <Center mih={isSmall ? undefined : 160} h={isSmall ? "100%" : undefined} p={isSmall ? 0 : "lg"} style={{ overflow: "auto" }}>
      <Stack gap={isSmall ? 2 : 6} align="center" maw={440}>
        {isSmall ? (
          <Text size="sm" fw={600} ta="center">
            {title}
          </Text>
        ) : (
          <Title order={2} ta="center">
            {title}
          </Title>
        )}
        {hint && (
          <Text size={isSmall ? "xs" : "sm"} c="dimmed" ta="center" style={{ overflowWrap: "anywhere" }}>
            {hint}
          </Text>
        )}
        {children}
      </Stack>
    </Center>
  );
}

export function Loading({ height = 160 }: { height?: number | string }) {
  return (
    <Center mih={height} role="status" aria-label={text.states.loading} className="late">
      <Loader size="sm" />
    </Center>
  );
}

/** What went wrong, told apart by what one can do: wait, ask an administrator, or read what the API says. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, hint } = told(error);
  return (
    <div role="alert">
      <Empty title={title} hint={hint}>
        {retry && !(error instanceof Problem && error.status === 403) && (
          <Button mt="xs" variant="default" onClick={retry}>
            {text.states.retry}
          </Button>
        )}
      </Empty>
    </div>
  );
}

function told(error: unknown): { title: string; hint?: string | undefined } {
  if (error instanceof Unreachable) return { title: text.states.unreachable, hint: text.states.unreachableHint };
  if (error instanceof Problem && error.status === 403) return { title: text.states.forbidden, hint: text.states.forbiddenHint };
  if (error instanceof Problem) return { title: sentence(error.message), hint: error.hint && sentence(error.hint) };
  return { title: text.states.failed };
}

/** The API's sentences begin in lower case. */
export function sentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
