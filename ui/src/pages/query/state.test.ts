import { expect, test } from "vitest";

import { readPanels, stepOf, writePanels } from "./state";

test("panels survive the way through the URL", () => {
  const panels = [
    { expr: 'rate(x{a="b"}[5m]) > 0', tab: "graph" as const, range: 7200, end: 1700000000, step: 15, stacked: true },
    { expr: "up", tab: "table" as const, range: 3600, end: null, step: null, stacked: false },
    { expr: "sum(up)", tab: "explain" as const, range: 60, end: null, step: null, stacked: false },
  ];
  expect(readPanels(writePanels(panels))).toEqual(panels);
});

test("old Prometheus links are understood", () => {
  const [panel] = readPanels("g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=30m&g0.step_input=5");
  expect(panel).toMatchObject({ expr: "up", tab: "graph", stacked: true, range: 1800, step: 5 });
});

test("an empty URL is one empty panel with a step for its range", () => {
  const [panel] = readPanels("");
  expect(panel?.expr).toBe("");
  expect(stepOf(panel!)).toBe(14);
});
