import { AppShell, Burger, Group, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChartLine, IconHome, IconLayoutDashboard, IconMessageQuestion } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { NavLink as RouterLink, Outlet, useLocation, useNavigate } from "react-router";
import { ConnectionState } from "~/components/ConnectionState.tsx";
import { useUser } from "~/lib/context.tsx";
import { text } from "~/lib/text.ts";
import classes from "./Shell.module.css";
import { UserMenu } from "./UserMenu.tsx";

const PAGES = [
  { to: "/", label: text.pages.home, icon: IconHome },
  { to: "/dashboard", label: text.pages.dashboard, icon: IconLayoutDashboard },
  { to: "/kpis", label: text.pages.catalogue, icon: IconChartLine },
  { to: "/ask", label: text.pages.ask, icon: IconMessageQuestion },
];

/** What stands around every page. Who is not signed in any more is asked to, and comes back to the same page. */
export function Shell({ forget }: { forget: () => void }) {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const user = useUser();
  const { pathname, search } = useLocation();
  const navigate = useNavigate();
  const main = useRef<HTMLElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when one has gone somewhere
  useEffect(() => close(), [pathname, close]);
  useEffect(() => {
    if (user) return;
    forget();
    navigate(`/sign-in?to=${encodeURIComponent(pathname + search)}`, { replace: true });
  }, [user, forget, navigate, pathname, search]);
  if (!user) return null;

  return (
    <AppShell header={{ height: 48 }} navbar={{ width: 176, breakpoint: "sm", collapsed: { mobile: !isOpen } }} padding="md">
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        {text.skip}
      </button>
      <AppShell.Header className={classes.bar}>
        <Group gap="xs" wrap="nowrap" miw={0}>
          <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={isOpen ? text.closeNavigation : text.openNavigation} />
          <img src="/icon.svg" alt="" width={22} height={22} />
          <Text fw={600} visibleFrom="xs" className="clip">
            {text.product}
          </Text>
        </Group>
        <Group gap="xs" wrap="nowrap">
          <ConnectionState />
          <UserMenu user={user} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p={6} className={classes.side} aria-label={text.navigation}>
        {PAGES.map(({ to, label, icon: Icon }) => (
          <NavLink
            key={to}
            component={RouterLink}
            to={to}
            label={label}
            leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
            active={to === "/" ? pathname === "/" : pathname.startsWith(to)}
            className={classes.link}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main id="main" ref={main} tabIndex={-1} className={classes.main}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
