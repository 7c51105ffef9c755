import { Empty, Failed, sentence } from "~/components/States.tsx";
import { Problem } from "~/lib/api/client.ts";
import { text } from "~/lib/text.ts";

/** A tile is small: the reason in one sentence. */
export function TileFailed({ error, retry }: { error: unknown; retry: () => void }) {
  if (error instanceof Problem && error.status !== 403)
    return <Empty isSmall title={text.dashboard.gone} hint={error.hint ? `${sentence(error.message)}. ${sentence(error.hint)}` : sentence(error.message)} />;
  return <Failed error={error} retry={retry} />;
}
