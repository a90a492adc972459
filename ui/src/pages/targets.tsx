// Scrape targets by pool: health, labels, when and how long, and why not.
import { Accordion, Badge, Group, SegmentedControl, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";

import type { Target } from "../api";
import { LabelBadges } from "../components/labels";
import { Empty, Loaded } from "../components/state";
import { formatAgo, formatMillis } from "../format";
import { useApi } from "../use-api";

const COLOR = { up: "green", down: "red", unknown: "gray" } as const;
type Data = { activeTargets: Target[]; droppedTargetCounts?: Record<string, number> };

export default function TargetsPage() {
  const state = useApi<Data>("targets", {}, 5);
  const [health, setHealth] = useState("all");
  const [text, setText] = useState("");
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>Targets</Title>
        <Group>
          <TextInput
            size="xs"
            w={260}
            placeholder="Filter by URL or label"
            aria-label="Filter"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <SegmentedControl size="xs" data={["all", "up", "down", "unknown"]} value={health} onChange={setHealth} />
        </Group>
      </Group>
      <Loaded state={state}>
        {(data) => {
          const shown = data.activeTargets.filter(
            (t) =>
              (health === "all" || t.health === health) &&
              (t.scrapeUrl + JSON.stringify(t.labels)).toLowerCase().includes(text.toLowerCase()),
          );
          const pools = [...new Set(data.activeTargets.map((t) => t.scrapePool))].sort();
          if (pools.length === 0) return <Empty>No targets: the configuration has no scrape_configs with targets.</Empty>;
          return (
            <Accordion multiple defaultValue={pools} variant="separated">
              {pools.map((pool) => (
                <Pool
                  key={pool}
                  name={pool}
                  targets={shown.filter((t) => t.scrapePool === pool)}
                  all={data.activeTargets.filter((t) => t.scrapePool === pool)}
                  dropped={data.droppedTargetCounts?.[pool] ?? 0}
                />
              ))}
            </Accordion>
          );
        }}
      </Loaded>
    </Stack>
  );
}

function Pool({ name, targets, all, dropped }: { name: string; targets: Target[]; all: Target[]; dropped: number }) {
  const up = all.filter((t) => t.health === "up").length;
  return (
    <Accordion.Item value={name}>
      <Accordion.Control>
        <Group>
          <Text fw={600}>{name}</Text>
          <Badge miw="max-content" color={up === all.length ? "green" : "red"} variant="light">
            {up} / {all.length} up
          </Badge>
          {dropped > 0 && (
            <Text size="xs" c="dimmed">
              {dropped} dropped by relabelling
            </Text>
          )}
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <Table.ScrollContainer minWidth={720}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Endpoint</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Labels</Table.Th>
              <Table.Th>Last scrape</Table.Th>
              <Table.Th ta="right">Duration</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {targets.map((target) => (
              <Table.Tr key={target.scrapeUrl + JSON.stringify(target.labels)}>
                <Table.Td>
                  <a href={target.globalUrl} target="_blank" rel="noreferrer">
                    {target.scrapeUrl}
                  </a>
                  {target.lastError && (
                    <Text size="sm" c="red" style={{ overflowWrap: "anywhere" }}>
                      {target.lastError}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td>
                  <Badge miw="max-content" color={COLOR[target.health]}>{target.health}</Badge>
                </Table.Td>
                <Table.Td>
                  <LabelBadges labels={target.labels} />
                </Table.Td>
                <Table.Td style={{ whiteSpace: "nowrap" }}>
                  {formatAgo(target.lastScrape)}
                  <Text size="xs" c="dimmed">
                    every {target.scrapeInterval}
                  </Text>
                </Table.Td>
                <Table.Td className="numeric">{formatMillis(target.lastScrapeDuration)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        </Table.ScrollContainer>
      </Accordion.Panel>
    </Accordion.Item>
  );
}
