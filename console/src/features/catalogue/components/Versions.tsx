import { Group, Text } from "@mantine/core";
import { Formula } from "~/components/Formula.tsx";
import { Failed, Loading } from "~/components/States.tsx";
import { formatInstant } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import { useVersions } from "../api/versions.ts";
import classes from "./Catalogue.module.css";

/** What it was before, who made it so, and when. */
export function Versions({ code }: { code: string }) {
  const versions = useVersions(code);
  if (versions.error) return <Failed error={versions.error} retry={() => versions.refetch()} />;
  if (!versions.data) return <Loading />;
  return (
    <>
      {versions.data.versions.map((version) => {
        const formula = (version.definition as { formula?: unknown } | null | undefined)?.formula;
        return (
          <section key={version.number} className={`panel ${classes.block}`} aria-label={text.catalogue.version(version.number)}>
            <Group justify="space-between" gap="xs" mb={6}>
              <Text size="sm" fw={600}>
                {text.catalogue.version(version.number)}
                <Text span size="sm" c="dimmed" fw={400}>
                  {" · "}
                  {text.catalogue.changes[version.change] ?? version.change}
                  {version.by_email ? ` ${text.catalogue.by(version.by_email)}` : ""}
                </Text>
              </Text>
              <Text size="sm" c="dimmed" className="number">
                {formatInstant(version.at)}
              </Text>
            </Group>
            {typeof formula === "string" && <Formula>{formula}</Formula>}
          </section>
        );
      })}
    </>
  );
}
