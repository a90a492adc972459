// The frame around all pages: navigation, theme, and which page is shown.
import { ActionIcon, Anchor, AppShell, Burger, Group, Menu, Text, Title, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFlame, IconMoon, IconSun } from "@tabler/icons-react";
import { lazy, type MouseEvent, type ReactNode, Suspense } from "react";

import { ErrorBoundary, PageLoader } from "./components/state";
import { href, navigate, useLocation } from "./router";

const QueryPage = lazy(() => import("./pages/query/page"));
const TargetsPage = lazy(() => import("./pages/targets"));
const AlertsPage = lazy(() => import("./pages/alerts"));
const RulesPage = lazy(() => import("./pages/rules"));
const StatusPage = lazy(() => import("./pages/status"));

// The server writes it into the page: an agent has nothing to query and no rules.
const agent = document.querySelector('meta[name="agent-mode"]')?.getAttribute("content") === "true";
const SERVER_ONLY = ["query", "alerts", "rules", "tsdb-status"];
const shown = ([key]: [string, string]) => !(agent && SERVER_ONLY.includes(key));

const MAIN = (
  [
    ["query", "Query"],
    ["alerts", "Alerts"],
    ["rules", "Rules"],
    ["targets", "Targets"],
  ] as [string, string][]
).filter(shown);
const STATUS = (
  [
    ["status", "Runtime & build"],
    ["tsdb-status", "TSDB"],
    ["flags", "Command-line flags"],
    ["config", "Configuration"],
  ] as [string, string][]
).filter(shown);

function pageOf(page: string): ReactNode {
  switch (page) {
    case "query":
      return <QueryPage />;
    case "agent":
      return <Text>This server runs as an agent: it scrapes targets into a log for forwarding. It answers no queries and has no rules.</Text>;
    case "targets":
      return <TargetsPage />;
    case "alerts":
      return <AlertsPage />;
    case "rules":
      return <RulesPage />;
    case "status":
    case "flags":
    case "config":
    case "tsdb-status":
      return <StatusPage page={page} />;
    default:
      return <Text>There is no page “{page}”.</Text>;
  }
}

function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  navigate(event.currentTarget.getAttribute("href") ?? "/");
}

function NavLink({ page, current, children }: { page: string; current: string; children: ReactNode }) {
  const active = page === current;
  return (
    <Anchor
      href={href(page)}
      onClick={follow}
      aria-current={active ? "page" : undefined}
      c={active ? undefined : "var(--mantine-color-text)"}
      fw={active ? 700 : 500}
      size="sm"
    >
      {children}
    </Anchor>
  );
}

function ThemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const dark = colorScheme === "dark" || (colorScheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <ActionIcon
      variant="default"
      aria-label={dark ? "Switch to light theme" : "Switch to dark theme"}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      {dark ? <IconSun size={16} /> : <IconMoon size={16} />}
    </ActionIcon>
  );
}

export function App() {
  const { page } = useLocation();
  const [opened, { toggle, close }] = useDisclosure();
  const statusName = STATUS.find(([key]) => key === page)?.[1];
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { desktop: true, mobile: !opened } }} padding="md">
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xl" wrap="nowrap">
            <Group gap={8} wrap="nowrap">
              <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
              <IconFlame size={22} color="var(--mantine-primary-color-filled)" aria-hidden />
              <Title order={1} size="h4">
                Narthex
              </Title>
            </Group>
            <Group component="nav" gap="lg" visibleFrom="sm" aria-label="Pages">
              {MAIN.map(([key, name]) => (
                <NavLink key={key} page={key} current={page}>
                  {name}
                </NavLink>
              ))}
              <Menu shadow="md">
                <Menu.Target>
                  <Anchor component="button" size="sm" c={statusName ? undefined : "var(--mantine-color-text)"} fw={statusName ? 700 : 500}>
                    Status{statusName ? `: ${statusName}` : ""} ▾
                  </Anchor>
                </Menu.Target>
                <Menu.Dropdown>
                  {STATUS.map(([key, name]) => (
                    <Menu.Item key={key} component="a" href={href(key)} onClick={follow}>
                      {name}
                    </Menu.Item>
                  ))}
                </Menu.Dropdown>
              </Menu>
            </Group>
          </Group>
          <ThemeSwitch />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" onClick={close}>
        <Group component="nav" style={{ flexDirection: "column", alignItems: "flex-start" }}>
          {[...MAIN, ...STATUS].map(([key, name]) => (
            <NavLink key={key} page={key} current={page}>
              {name}
            </NavLink>
          ))}
        </Group>
      </AppShell.Navbar>
      <AppShell.Main>
        <ErrorBoundary key={page}>
          <Suspense fallback={<PageLoader />}>{pageOf(page)}</Suspense>
        </ErrorBoundary>
      </AppShell.Main>
    </AppShell>
  );
}
