// The blocks of the database: a strip of time on which each is a bar, and a table.
import { Stack, Table, Title, Tooltip } from "@mantine/core";

import { type Block, layOut, remarks } from "../blocks";
import { formatDuration, formatTime } from "../format";

export function Blocks({ blocks }: { blocks: Block[] }) {
  if (blocks.length === 0) return <div>No blocks yet: a head of three hours is cut into the first one.</div>;
  const newest = [...blocks].sort((a, b) => b.maxTime - a.maxTime || b.minTime - a.minTime);
  return (
    <Stack>
      <Strip blocks={blocks} />
      <Table.ScrollContainer minWidth={700}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Block</Table.Th>
              <Table.Th>From</Table.Th>
              <Table.Th className="numeric">Duration</Table.Th>
              <Table.Th className="numeric">Level</Table.Th>
              <Table.Th className="numeric">Series</Table.Th>
              <Table.Th className="numeric">Samples</Table.Th>
              <Table.Th className="numeric">Chunks</Table.Th>
              <Table.Th>Remarks</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {newest.map((block) => (
              <Table.Tr key={block.ulid}>
                <Table.Td ff="monospace">{block.ulid}</Table.Td>
                <Table.Td>{formatTime(block.minTime / 1000)}</Table.Td>
                <Table.Td className="numeric">{duration(block)}</Table.Td>
                <Table.Td className="numeric">{block.compaction.level}</Table.Td>
                <Table.Td className="numeric">{count(block.stats?.numSeries)}</Table.Td>
                <Table.Td className="numeric">{count(block.stats?.numSamples)}</Table.Td>
                <Table.Td className="numeric">{count(block.stats?.numChunks)}</Table.Td>
                <Table.Td>{remarks(block).join(", ")}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  );
}

function Strip({ blocks }: { blocks: Block[] }) {
  const { bars, rows } = layOut(blocks);
  const percent = (share: number) => `${100 * share}%`;
  const first = Math.min(...blocks.map((b) => b.minTime));
  const last = Math.max(...blocks.map((b) => b.maxTime));
  return (
    <div>
      <div className="blocks" style={{ height: rows * 26 }} role="list" aria-label="Blocks over time">
        {bars.map(({ block, left, width, row }) => (
          <Tooltip key={block.ulid} label={describe(block)} multiline maw={360}>
            <div
              role="listitem"
              aria-label={describe(block)}
              data-level={Math.min(4, block.compaction.level)}
              data-failed={block.compaction.failed || undefined}
              style={{ left: percent(left), width: percent(width), top: row * 26 }}
            />
          </Tooltip>
        ))}
      </div>
      <div className="blocks-scale">
        <span>{formatTime(first / 1000)}</span>
        <span>{formatTime(last / 1000)}</span>
      </div>
    </div>
  );
}

function describe(block: Block): string {
  const facts = [
    `${formatTime(block.minTime / 1000)} for ${duration(block)}`,
    `level ${block.compaction.level}`,
    `${count(block.stats?.numSeries)} series`,
    `${count(block.stats?.numSamples)} samples`,
  ];
  return [...facts, ...remarks(block)].join(", ");
}

const duration = (block: Block) => formatDuration((block.maxTime - block.minTime) / 1000);
const count = (n = 0) => n.toLocaleString("en");

export function BlocksTitle({ blocks }: { blocks: Block[] }) {
  return (
    <Title order={3} size="h5">
      {blocks.length === 1 ? "1 block" : `${blocks.length.toLocaleString("en")} blocks`}
    </Title>
  );
}
