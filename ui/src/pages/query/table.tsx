// An instant answer as a table. Long answers show their first rows until asked for more.
import { Button, Table, Text } from "@mantine/core";
import { useState } from "react";

import type { MatrixSeries, QueryData, VectorSample } from "../../api";
import { SeriesName } from "../../components/labels";
import { Empty } from "../../components/state";
import { formatTime } from "../../format";

const FIRST_ROWS = 500;

export function ResultTable({ data }: { data: QueryData }) {
  const [all, setAll] = useState(false);
  if (data.resultType === "scalar" || data.resultType === "string")
    return (
      <Table>
        <Table.Tbody>
          <Table.Tr>
            <Table.Td>{data.resultType}</Table.Td>
            <Table.Td className="numeric">{data.result[1]}</Table.Td>
          </Table.Tr>
        </Table.Tbody>
      </Table>
    );
  if (data.result.length === 0) return <Empty>The expression gives no series at this time.</Empty>;
  const found: (VectorSample | MatrixSeries)[] = data.result;
  const rows = all ? found : found.slice(0, FIRST_ROWS);
  return (
    <>
      <Table highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Series</Table.Th>
            <Table.Th ta="right">Value</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((series, i) => (
            <Table.Tr key={i}>
              <Table.Td>
                <SeriesName metric={series.metric} />
              </Table.Td>
              <Table.Td className="numeric">
                {"value" in series
                  ? series.value[1]
                  : series.values.map(([t, v]) => (
                      <div key={t}>
                        {v}{" "}
                        <Text span size="xs" c="dimmed">
                          @{formatTime(t)}
                        </Text>
                      </div>
                    ))}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {rows.length < data.result.length && (
        <Button mt="sm" variant="default" onClick={() => setAll(true)}>
          Show all {data.result.length} series
        </Button>
      )}
    </>
  );
}
