import { expect, test } from "vitest";

import { type Block, layOut, remarks } from "./blocks";

const block = (minTime: number, maxTime: number, level = 1): Block => ({
  ulid: `${minTime}-${maxTime}`,
  minTime,
  maxTime,
  compaction: { level },
});

test("blocks that follow each other share a row, in the order of time", () => {
  const { bars, rows } = layOut([block(60, 80), block(0, 60, 2), block(80, 100)]);
  expect(rows).toBe(1);
  expect(bars.map((b) => [b.left, b.width])).toEqual([
    [0, 0.6],
    [0.6, 0.2],
    [0.8, 0.2],
  ]);
});

test("blocks that overlap are drawn below each other", () => {
  const { bars, rows } = layOut([block(0, 40), block(20, 60), block(40, 100), block(60, 100)]);
  expect(rows).toBe(2);
  expect(bars.map((b) => b.row)).toEqual([0, 1, 0, 1]);
});

test("no blocks make no rows", () => {
  expect(layOut([])).toEqual({ bars: [], rows: 0 });
});

test("only what is unusual is remarked", () => {
  expect(remarks(block(0, 1))).toEqual([]);
  expect(
    remarks({
      ...block(0, 1),
      stats: { numTombstones: 1200 },
      compaction: { level: 2, failed: true, hints: ["from-out-of-order"] },
    }),
  ).toEqual(["compaction failed", "1,200 deletions", "from-out-of-order"]);
});
