// All rule groups: what is computed, when, how long it takes and whether it works.
import { Badge, Card, Group, Stack, Table, Text, Title } from "@mantine/core";

import type { RuleGroup } from "../api";
import { LabelBadges } from "../components/labels";
import { QueryLink } from "../components/query-link";
import { Empty, Loaded } from "../components/state";
import { formatAgo, formatDuration, formatMillis } from "../format";
import { useApi } from "../use-api";

export default function RulesPage() {
  const state = useApi<{ groups: RuleGroup[] }>("rules", {}, 10);
  return (
    <Stack>
      <Title order={2}>Rules</Title>
      <Loaded state={state}>
        {({ groups }) =>
          groups.length === 0 ? (
            <Empty>No rules are loaded.</Empty>
          ) : (
            <>
              {groups.map((group) => (
                <GroupCard key={`${group.file};${group.name}`} group={group} />
              ))}
            </>
          )
        }
      </Loaded>
    </Stack>
  );
}

function GroupCard({ group }: { group: RuleGroup }) {
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <div>
          <Text fw={600}>{group.name}</Text>
          <Text size="xs" c="dimmed">
            {group.file}
          </Text>
        </div>
        <Text size="sm" c="dimmed">
          every {formatDuration(group.interval)}, last {formatAgo(group.lastEvaluation)}, took{" "}
          {formatMillis(group.evaluationTime)}
        </Text>
      </Group>
      <Table.ScrollContainer minWidth={720}>
      <Table>
        <Table.Tbody>
          {group.rules.map((rule, i) => (
            <Table.Tr key={i}>
              <Table.Td style={{ verticalAlign: "top", whiteSpace: "nowrap" }}>
                <Text fw={600} size="sm">
                  {rule.name}
                </Text>
                <Text size="xs" c="dimmed">
                  {rule.type}
                  {rule.type === "alerting" ? `, for ${formatDuration(rule.duration)}` : ""}
                </Text>
              </Table.Td>
              <Table.Td w="60%">
                <QueryLink expr={rule.query} />
                {rule.labels && <LabelBadges labels={rule.labels} />}
                {rule.lastError && (
                  <Text size="sm" c="red">
                    {rule.lastError}
                  </Text>
                )}
              </Table.Td>
              <Table.Td style={{ verticalAlign: "top" }}>
                <Badge miw="max-content" color={rule.health === "ok" ? "green" : rule.health === "err" ? "red" : "gray"}>{rule.health}</Badge>
              </Table.Td>
              <Table.Td className="numeric" style={{ verticalAlign: "top" }}>
                {formatMillis(rule.evaluationTime)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      </Table.ScrollContainer>
    </Card>
  );
}
