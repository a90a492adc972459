// What the server is and how it runs: build, flags, configuration, database.
import { Alert, Button, CopyButton, Group, SimpleGrid, Stack, Table, TextInput, Title } from "@mantine/core";
import { useState } from "react";

import type { Counted, Notification, TsdbStatus } from "../api";
import type { Block } from "../blocks";
import { Blocks, BlocksTitle } from "../components/blocks";
import { Loaded } from "../components/state";
import { formatTime } from "../format";
import { useApi } from "../use-api";

export default function StatusPage({ page }: { page: string }) {
  switch (page) {
    case "flags":
      return <Flags />;
    case "config":
      return <Config />;
    case "tsdb-status":
      return <Tsdb />;
    default:
      return <Runtime />;
  }
}

function Pairs({ values }: { values: [string, string][] }) {
  return (
    <Table layout="fixed">
      <Table.Tbody>
        {values.map(([key, value]) => (
          <Table.Tr key={key}>
            <Table.Th scope="row">{key}</Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

const NAMES: Record<string, string> = {
  startTime: "Start time",
  CWD: "Working directory",
  hostname: "Host name",
  serverTime: "Server time",
  reloadConfigSuccess: "Last configuration reload worked",
  lastConfigTime: "Last configuration reload",
  corruptionCount: "Log corruptions",
  goroutineCount: "Tasks and threads",
  GOMAXPROCS: "Processors",
  GOMEMLIMIT: "Memory limit (bytes)",
  storageRetention: "Storage retention",
  version: "Version",
  revision: "Revision",
  branch: "Branch",
  goVersion: "Runtime",
};

function Runtime() {
  const runtime = useApi<Record<string, unknown>>("status/runtimeinfo", {}, 10);
  const build = useApi<Record<string, string>>("status/buildinfo");
  const pairs = (data: Record<string, unknown>) =>
    Object.entries(data)
      .map(([key, value]): [string, string] => [NAMES[key] ?? key, String(value)])
      .filter(([, value]) => value);
  return (
    <Stack>
      <Title order={2}>Runtime</Title>
      <Loaded state={runtime}>{(data) => <Pairs values={pairs(data)} />}</Loaded>
      <Title order={2}>Build</Title>
      <Loaded state={build}>{(data) => <Pairs values={pairs(data)} />}</Loaded>
    </Stack>
  );
}

function Flags() {
  const state = useApi<Record<string, string>>("status/flags");
  const [text, setText] = useState("");
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>Command-line flags</Title>
        <TextInput
          size="xs"
          aria-label="Filter flags"
          placeholder="Filter"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </Group>
      <Loaded state={state}>
        {(data) => (
          <Pairs
            values={Object.entries(data)
              .filter(([key, value]) => `--${key}=${value}`.includes(text))
              .sort()
              .map(([key, value]) => [`--${key}`, value])}
          />
        )}
      </Loaded>
    </Stack>
  );
}

function Config() {
  const state = useApi<{ yaml: string }>("status/config");
  return (
    <Stack>
      <Title order={2}>Configuration</Title>
      <Loaded state={state}>
        {({ yaml }) => (
          <div>
            <CopyButton value={yaml}>
              {({ copied, copy }) => (
                <Button size="xs" variant="default" mb="xs" onClick={copy}>
                  {copied ? "Copied" : "Copy"}
                </Button>
              )}
            </CopyButton>
            <pre className="code">{yaml}</pre>
          </div>
        )}
      </Loaded>
    </Stack>
  );
}

function Tsdb() {
  const state = useApi<TsdbStatus>("status/tsdb");
  return (
    <Stack>
      <Title order={2}>TSDB</Title>
      <Loaded state={state}>
        {(data) => {
          const { numSeries, numLabelPairs, chunkCount, minTime, maxTime } = data.headStats;
          const time = (ms: number) => (Math.abs(ms) < 8.64e15 ? formatTime(ms / 1000) : "no data");
          return (
            <Stack>
              <Pairs
                values={[
                  ["Series in the head", numSeries.toLocaleString("en")],
                  ["Chunks in the head", chunkCount.toLocaleString("en")],
                  ["Label pairs", numLabelPairs.toLocaleString("en")],
                  ["Oldest sample in the head", time(minTime)],
                  ["Newest sample", time(maxTime)],
                ]}
              />
              <SimpleGrid cols={{ base: 1, md: 2 }}>
                <Top title="Series by metric name" rows={data.seriesCountByMetricName} />
                <Top title="Label names with most values" rows={data.labelValueCountByLabelName} />
                <Top title="Memory by label name (bytes)" rows={data.memoryInBytesByLabelName} />
                <Top title="Series by label pair" rows={data.seriesCountByLabelValuePair} />
              </SimpleGrid>
            </Stack>
          );
        }}
      </Loaded>
      <Activity />
      <Persisted />
    </Stack>
  );
}

// What the database is busy with, such as a compaction and how far it is.
function Activity() {
  const state = useApi<Notification[]>("notifications", {}, 5);
  const texts = state.answer?.data.filter((n) => n.active).map((n) => n.text) ?? [];
  return texts.map((text) => (
    <Alert key={text} variant="light" role="status">
      {text}
    </Alert>
  ));
}

function Persisted() {
  const state = useApi<{ blocks: Block[] }>("status/tsdb/blocks", {}, 30);
  return (
    <Loaded state={state}>
      {({ blocks }) => (
        <Stack gap="xs">
          <BlocksTitle blocks={blocks} />
          <Blocks blocks={blocks} />
        </Stack>
      )}
    </Loaded>
  );
}

function Top({ title, rows }: { title: string; rows: Counted[] }) {
  return (
    <div>
      <Title order={3} size="h5">
        {title}
      </Title>
      <Table>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.name}>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{row.name}</Table.Td>
              <Table.Td className="numeric">{row.value.toLocaleString("en")}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
