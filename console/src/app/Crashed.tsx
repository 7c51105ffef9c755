import { Button } from "@mantine/core";
import { Link, useRouteError } from "react-router";
import { Empty, Failed } from "~/components/States.tsx";
import { Problem, Unreachable } from "~/lib/api/client.ts";
import { text } from "~/lib/text.ts";

/** A page that can't be drawn: the others still can. */
export function Crashed() {
  const error = useRouteError();
  if (error instanceof Problem || error instanceof Unreachable) return <Failed error={error} retry={() => location.reload()} />;
  return (
    <div role="alert">
      <Empty title={text.states.crashed} hint={error instanceof Error ? error.message : undefined}>
        <Button variant="default" mt="xs" onClick={() => location.reload()}>
          {text.states.retry}
        </Button>
      </Empty>
    </div>
  );
}

export function NotFound() {
  return (
    <Empty title={text.states.notFound} hint={text.states.notFoundHint}>
      <Button component={Link} to="/" variant="default" mt="xs">
        {text.states.goHome}
      </Button>
    </Empty>
  );
}
