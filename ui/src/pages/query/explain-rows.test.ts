import { expect, test } from "vitest";

import type { Explained } from "../../api";
import { explanationRows } from "./explain-rows";

const part = (node: string, seconds: number, children: Explained[] = [], evaluations = 1): Explained => ({
  node,
  type: "vector",
  evaluations,
  reused: 0,
  steps: 10,
  series: 2,
  samplesRead: 100,
  seconds,
  children,
});

test("a part's own time is without the parts below it, and shares are of the whole query", () => {
  const rows = explanationRows(part("sum", 0.01, [part("rate", 0.008, [part("x[5m]", 0.006)])]));
  expect(rows.map((r) => [r.part.node, r.level])).toEqual([["sum", 0], ["rate", 1], ["x[5m]", 2]]);
  expect(rows.map((r) => Math.round(r.own * 1000))).toEqual([2, 2, 6]);
  expect(rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(1);
});

test("a part that its parent did on the way has no time of its own", () => {
  const [, inner] = explanationRows(part("sum", 0.01, [part("rate", 0, [], 0)]));
  expect(inner).toMatchObject({ own: 0, share: 0 });
});
