import { ActionIcon, Button, Group, Menu, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy, IconDots, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { text } from "~/lib/text.ts";
import type { Kept } from "../api/dashboards.ts";
import { type Dashboard, NAME_LETTERS, newDashboard } from "../model.ts";

interface DashboardMenuProps {
  readonly kept: Kept;
  readonly dashboard: Dashboard;
  readonly update: (how: (dashboard: Dashboard) => Dashboard) => void;
  readonly open: (id: string) => void;
}

/** Which dashboard is shown, and what is done with it as a whole. */
export function DashboardMenu({ kept, dashboard, update, open }: DashboardMenuProps) {
  const [asked, setAsked] = useState<"rename" | "create" | "remove" | null>(null);
  const make = (made: Dashboard) => {
    kept.change((all) => [...(all.length === 0 ? [dashboard] : all), made]);
    open(made.id);
  };
  return (
    <>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <ActionIcon size="lg" variant="default" aria-label={text.dashboard.choose}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {kept.dashboards.length > 1 && <Menu.Label>{text.dashboard.choose}</Menu.Label>}
          {kept.dashboards.length > 1 &&
            kept.dashboards.map((each) => (
              <Menu.Item key={each.id} onClick={() => open(each.id)} rightSection={each.id === dashboard.id ? <IconCheck size={14} aria-hidden /> : undefined}>
                <bdi>{each.name}</bdi>
              </Menu.Item>
            ))}
          {kept.dashboards.length > 1 && <Menu.Divider />}
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setAsked("rename")}>
            {text.dashboard.rename}
          </Menu.Item>
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => make({ ...dashboard, id: crypto.randomUUID() })}>
            {text.dashboard.duplicate}
          </Menu.Item>
          <Menu.Item leftSection={<IconPlus size={16} />} onClick={() => setAsked("create")}>
            {text.dashboard.create}
          </Menu.Item>
          <Menu.Item leftSection={<IconTrash size={16} />} onClick={() => setAsked("remove")} disabled={kept.dashboards.length === 0}>
            {text.dashboard.remove}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {(asked === "rename" || asked === "create") && (
        <NameDialog
          title={asked === "rename" ? text.dashboard.rename : text.dashboard.create}
          name={asked === "rename" ? dashboard.name : ""}
          close={() => setAsked(null)}
          done={(name) => (asked === "rename" ? update((before) => ({ ...before, name })) : make(newDashboard(crypto.randomUUID(), name)))}
        />
      )}
      <Modal opened={asked === "remove"} onClose={() => setAsked(null)} title={text.dashboard.remove}>
        <Stack gap="sm">
          <Text size="sm">{text.dashboard.removeAsk(dashboard.name)}</Text>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={() => setAsked(null)}>
              {text.cancel}
            </Button>
            <Button
              color="red"
              onClick={() => {
                kept.change((all) => all.filter((each) => each.id !== dashboard.id));
                setAsked(null);
                open("");
              }}
            >
              {text.dashboard.remove}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function NameDialog({ title, name, close, done }: { title: string; name: string; close: () => void; done: (name: string) => void }) {
  const [typed, setTyped] = useState(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    done(typed.trim());
    close();
  };
  return (
    <Modal opened onClose={close} title={title}>
      <Stack component="form" gap="sm" onSubmit={submit}>
        <TextInput
          label={text.dashboard.name}
          value={typed}
          maxLength={NAME_LETTERS}
          onChange={(event) => setTyped(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {text.cancel}
          </Button>
          <Button type="submit" disabled={typed.trim() === ""}>
            {text.dashboard.tile.save}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
