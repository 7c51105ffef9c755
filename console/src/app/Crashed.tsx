import { Button } from "@mantine/core";
import { Link, useRouteError } from "react-router";
import { PageHeader } from "~/components/PageHeader.tsx";
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
    <>
      <PageHeader title={text.states.notFound} lead={text.states.notFoundHint} />
      <Button component={Link} to="/" variant="default">
        {text.states.goHome}
      </Button>
    </>
  );
}
