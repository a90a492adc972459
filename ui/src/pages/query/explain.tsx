// What each part of an expression took, as a tree with the costliest parts in sight.
import { Table, Text, Tooltip } from "@mantine/core";

import type { Explained } from "../../api";
import { formatMillis } from "../../format";
import { explanationRows, type Row } from "./explain-rows";

export function Explanation({ root }: { root: Explained }) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table className="explain" verticalSpacing={4} highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Part of the expression</Table.Th>
            <Table.Th w={180}>Own time</Table.Th>
            <Table.Th ta="right">With parts below</Table.Th>
            <Table.Th ta="right">Samples read</Table.Th>
            <Table.Th ta="right">Series × steps</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {explanationRows(root).map((row, i) => (
            <Part key={i} row={row} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Part({ row: { part, level, own, share } }: { row: Row }) {
  return (
    <Table.Tr>
      <Table.Td style={{ paddingLeft: 10 + 20 * level }}>
        <Tooltip label={part.type}>
          <span className="labels">{part.node}</span>
        </Tooltip>
        {part.evaluations > 1 && (
          <Text span size="xs" c="dimmed">
            {" "}
            evaluated {part.evaluations} times
          </Text>
        )}
        {part.reused > 0 && (
          <Text span size="xs" c="dimmed">
            {" "}
            used again {part.reused === 1 ? "once" : `${part.reused} times`}
          </Text>
        )}
      </Table.Td>
      {part.evaluations === 0 ? (
        <Table.Td colSpan={4}>
          <Text size="xs" c="dimmed">
            {part.reused ? "an equal part had its value" : "done together with the part above"}
          </Text>
        </Table.Td>
      ) : (
        <>
          <Table.Td>
            <div className="share" role="img" aria-label={`${Math.round(share * 100)} % of the time`}>
              <div style={{ width: `${share * 100}%` }} />
            </div>
            <Text span size="xs" ff="monospace">
              {formatMillis(own)}
            </Text>
          </Table.Td>
          <Table.Td className="numeric">{formatMillis(part.seconds)}</Table.Td>
          <Table.Td className="numeric">{part.samplesRead.toLocaleString("en")}</Table.Td>
          <Table.Td className="numeric">
            {part.series.toLocaleString("en")} × {part.steps.toLocaleString("en")}
          </Table.Td>
        </>
      )}
    </Table.Tr>
  );
}
