import { expect, test } from "vitest";

import { formatAgo, formatDuration, formatSeries, formatTick, formatTimeTicks, parseDuration } from "./format";

test("durations read as seconds and print in their shortest form", () => {
  for (const [text, seconds] of [
    ["1m30s", 90],
    ["1h", 3600],
    ["1w", 604800],
    ["250ms", 0.25],
    ["1d1h", 90000],
  ] as const) {
    expect(parseDuration(text)).toBe(seconds);
    expect(parseDuration(formatDuration(seconds))).toBe(seconds);
  }
  expect(parseDuration("")).toBeNull();
  expect(parseDuration("5")).toBeNull();
  expect(parseDuration("1s1m")).toBeNull();
});

test("ticks carry a metric prefix", () => {
  expect(formatTick(1234567)).toBe("1.235M");
  expect(formatTick(0.0042)).toBe("4.2m");
  expect(formatTick(0)).toBe("0");
  expect(formatTick(-1500)).toBe("-1.5k");
});

test("a series prints as its selector", () => {
  expect(formatSeries({ __name__: "up" })).toBe("up");
  expect(formatSeries({ __name__: "up", job: 'a"b' })).toBe('up{job="a\\"b"}');
  expect(formatSeries({})).toBe("{}");
});

test("a scrape that never happened says so", () => {
  expect(formatAgo("0001-01-01T00:00:00Z")).toBe("never");
  expect(formatAgo("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:01:30Z"))).toBe("1m30s ago");
});

test("time ticks are 24-hour UTC with the date where a day begins", () => {
  const midnight = Date.UTC(2026, 0, 2) / 1000;
  expect(formatTimeTicks([midnight - 600, midnight, midnight + 600])).toEqual([
    "23:50\n2026-01-01",
    "00:00\n2026-01-02",
    "00:10",
  ]);
  expect(formatTimeTicks([midnight, midnight + 15])[1]).toBe("00:00:15");
});
