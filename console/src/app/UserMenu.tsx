import { ActionIcon, Menu, Text, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconLogout, IconMoon, IconSun, IconUser } from "@tabler/icons-react";
import { useServices } from "~/lib/context.tsx";
import type { User } from "~/lib/session.ts";
import { text } from "~/lib/text.ts";

const SCHEMES = [
  { value: "light", icon: IconSun },
  { value: "dark", icon: IconMoon },
  { value: "auto", icon: IconDeviceDesktop },
] as const;

export function UserMenu({ user }: { user: User }) {
  const { session } = useServices();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label={text.session.menu(user.email)}>
          <IconUser size={18} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} className="clip" c="var(--mantine-color-text)">
            {user.email}
          </Text>
          {text.session.role(user.role)}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Label>{text.scheme.label}</Menu.Label>
        {SCHEMES.map(({ value, icon: Icon }) => (
          <Menu.Item
            key={value}
            leftSection={<Icon size={16} stroke={1.6} />}
            onClick={() => setColorScheme(value)}
            fw={colorScheme === value ? 600 : undefined}
          >
            {text.scheme[value]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} stroke={1.6} />} onClick={() => session.close()}>
          {text.session.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
