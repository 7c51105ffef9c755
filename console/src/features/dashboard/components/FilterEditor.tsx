import { Button, Group, Modal, Select, Stack, TagsInput, Text } from "@mantine/core";
import { useState } from "react";
import { type Kpi, useDimensionValues } from "~/lib/api/queries.ts";
import { useSharedDimensions } from "~/lib/dimensions.ts";
import { text } from "~/lib/text.ts";

/** Values of one filter, as the API takes them. */
const MOST_VALUES = 20;
const MOST_OPTIONS = 100;

interface FilterEditorProps {
  readonly codes: readonly string[];
  readonly kpis: readonly Kpi[];
  readonly close: () => void;
  readonly done: (dimension: string, values: string[]) => void;
}

/** A filter of all tiles: a dimension that all of their KPIs have, and the values that count. */
export function FilterEditor({ codes, kpis, close, done }: FilterEditorProps) {
  const watched = kpis.filter((kpi) => codes.includes(kpi.code));
  const dimensions = useSharedDimensions(watched);
  const [dimension, setDimension] = useState<string | null>(null);
  const [values, setValues] = useState<string[]>([]);
  const known = useDimensionValues(watched[0]?.code, dimension ?? undefined);
  return (
    <Modal opened onClose={close} title={text.dashboard.filter}>
      <Stack gap="sm">
        {dimensions?.length === 0 ? (
          <Text size="sm">{text.dashboard.noDimension}</Text>
        ) : (
          <>
            <Select
              label={text.dashboard.dimension}
              data={dimensions ?? []}
              value={dimension}
              onChange={(name) => {
                setDimension(name);
                setValues([]);
              }}
              data-autofocus
            />
            <TagsInput
              label={text.dashboard.values}
              data={known.data ?? []}
              limit={MOST_OPTIONS}
              maxTags={MOST_VALUES}
              value={values}
              onChange={setValues}
              disabled={!dimension}
            />
          </>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {text.cancel}
          </Button>
          <Button
            disabled={!dimension || values.length === 0}
            onClick={() => {
              if (dimension) done(dimension, values);
              close();
            }}
          >
            {text.dashboard.filter}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
