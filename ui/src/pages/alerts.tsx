// Alerting rules and their live alerts.
import { Accordion, Badge, Group, SegmentedControl, Stack, Table, Text, Title } from "@mantine/core";
import { useState } from "react";

import type { ActiveAlert, Rule, RuleGroup } from "../api";
import { LabelBadges } from "../components/labels";
import { QueryLink } from "../components/query-link";
import { Empty, Loaded } from "../components/state";
import { formatAgo, formatDuration } from "../format";
import { useApi } from "../use-api";

type Alerting = Extract<Rule, { type: "alerting" }>;
const COLOR: Record<string, string> = { firing: "red", pending: "yellow", inactive: "green", unknown: "gray" };

export default function AlertsPage() {
  const state = useApi<{ groups: RuleGroup[] }>("rules", { type: "alert" }, 5);
  const [filter, setFilter] = useState("all");
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>Alerts</Title>
        <SegmentedControl size="xs" data={["all", "firing", "pending", "inactive"]} value={filter} onChange={setFilter} />
      </Group>
      <Loaded state={state}>
        {({ groups }) => {
          const rules = groups.flatMap((g) => g.rules.map((rule) => ({ group: g, rule: rule as Alerting })));
          if (rules.length === 0) return <Empty>No alerting rules are loaded.</Empty>;
          const shown = rules.filter(({ rule }) => filter === "all" || rule.state === filter);
          if (shown.length === 0) return <Empty>No alert is {filter}.</Empty>;
          return (
            <Accordion multiple variant="separated">
              {shown.map(({ group, rule }, i) => (
                <Accordion.Item key={i} value={`${group.file}/${group.name}/${rule.name}/${i}`}>
                  <Accordion.Control>
                    <Group>
                      <Badge miw="max-content" color={COLOR[rule.state] ?? "gray"}>{rule.state}</Badge>
                      <Text fw={600}>{rule.name}</Text>
                      {rule.alerts.length > 0 && <Text size="sm">{rule.alerts.length} active</Text>}
                      <Text size="xs" c="dimmed">
                        {group.name}
                      </Text>
                    </Group>
                  </Accordion.Control>
                  <Accordion.Panel>
                    <Stack gap="xs">
                      <QueryLink expr={rule.query} />
                      <Text size="sm">
                        for {formatDuration(rule.duration)}
                        {Object.entries(rule.annotations).map(([key, value]) => (
                          <span key={key}>
                            {" · "}
                            {key}: {value}
                          </span>
                        ))}
                      </Text>
                      {rule.lastError && <Text c="red">{rule.lastError}</Text>}
                      {rule.alerts.length > 0 && <Alerts alerts={rule.alerts} />}
                    </Stack>
                  </Accordion.Panel>
                </Accordion.Item>
              ))}
            </Accordion>
          );
        }}
      </Loaded>
    </Stack>
  );
}

function Alerts({ alerts }: { alerts: ActiveAlert[] }) {
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Labels</Table.Th>
          <Table.Th>State</Table.Th>
          <Table.Th>Since</Table.Th>
          <Table.Th ta="right">Value</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {alerts.map((alert, i) => (
          <Table.Tr key={i}>
            <Table.Td>
              <LabelBadges labels={alert.labels} />
              {Object.values(alert.annotations).map((text) => (
                <Text key={text} size="sm" mt={4}>
                  {text}
                </Text>
              ))}
            </Table.Td>
            <Table.Td>
              <Badge miw="max-content" color={COLOR[alert.state] ?? "gray"}>{alert.state}</Badge>
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{formatAgo(alert.activeAt)}</Table.Td>
            <Table.Td className="numeric">{Number(Number(alert.value).toPrecision(6))}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
