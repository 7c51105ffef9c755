import { Button, Group, Modal, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { KpiSelect } from "~/components/KpiSelect.tsx";
import type { Kpi } from "~/lib/api/queries.ts";
import { useSharedDimensions } from "~/lib/dimensions.ts";
import { text } from "~/lib/text.ts";
import { KINDS, type Kind, NAME_LETTERS, type Tile } from "../model.ts";

type Chosen = Pick<Tile, "kpi" | "kind" | "title" | "by">;

interface TileEditorProps {
  readonly isOpen: boolean;
  /** The tile that is changed; a new one when null. */
  readonly tile: Tile | null;
  readonly kpis: readonly Kpi[];
  readonly close: () => void;
  readonly done: (tile: Chosen) => void;
}

/** What a tile shows, and how. */
export function TileEditor({ isOpen, tile, kpis, close, done }: TileEditorProps) {
  const [kpi, setKpi] = useState(tile?.kpi ?? null);
  const [kind, setKind] = useState<Kind>(tile?.kind ?? "number");
  const [title, setTitle] = useState(tile?.title ?? "");
  const [by, setBy] = useState(tile?.by ?? null);
  const canSplit = kind === "bar" || kind === "table";
  const dimensions = useSharedDimensions(canSplit ? kpis.filter((each) => each.code === kpi) : []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!kpi) return;
    done({ kpi, kind, ...(title.trim() ? { title: title.trim() } : {}), ...(canSplit && by ? { by } : {}) });
    close();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={tile ? text.dashboard.tile.editTitle : text.dashboard.add}>
      <Stack component="form" gap="sm" onSubmit={submit}>
        <KpiSelect
          label={text.dashboard.tile.kpi}
          value={kpi}
          onChange={(code) => {
            setKpi(code);
            setBy(null);
          }}
          required
          data-autofocus
        />
        <div>
          <Text size="sm" fw={500} id="kind">
            {text.dashboard.tile.kind}
          </Text>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-labelledby="kind"
            value={kind}
            onChange={(value) => setKind(value as Kind)}
            data={KINDS.map((value) => ({ value, label: text.dashboard.kinds[value] }))}
          />
        </div>
        {canSplit && (
          <Select
            label={text.dashboard.tile.split}
            placeholder={text.dashboard.tile.none}
            data={dimensions ?? []}
            value={by}
            onChange={setBy}
            clearable
            disabled={!kpi}
          />
        )}
        <TextInput
          label={text.dashboard.tile.title}
          placeholder={text.dashboard.tile.titleHint}
          value={title}
          maxLength={NAME_LETTERS}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {text.cancel}
          </Button>
          <Button type="submit" disabled={!kpi}>
            {tile ? text.dashboard.tile.save : text.dashboard.tile.add}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
