// Numbers, durations and times as people read them.
import type { Labels } from "./api";

const UNITS: [string, number][] = [
  ["y", 31_536_000],
  ["w", 604_800],
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];

// Seconds, or null when the text is not a Prometheus duration.
export function parseDuration(text: string): number | null {
  const match = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text.trim());
  if (!match || !match.slice(1).some(Boolean)) return null;
  const whole = UNITS.reduce((sum, [, size], i) => sum + Number(match[i + 1] ?? 0) * size, 0);
  return whole + Number(match[7] ?? 0) / 1000;
}

export function formatDuration(seconds: number): string {
  if (seconds <= 0) return "0s";
  let rest = Math.round(seconds * 1000) / 1000;
  let out = "";
  for (const [unit, size] of UNITS) {
    if ("ywd".includes(unit) && rest % size !== 0) continue;
    const n = Math.floor(rest / size);
    if (n > 0) out += `${n}${unit}`;
    rest -= n * size;
  }
  const ms = Math.round(rest * 1000);
  return ms > 0 ? `${out}${ms}ms` : out;
}

const PREFIXES: [number, string][] = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

// An axis tick: three significant digits with a metric prefix.
export function formatTick(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const [size, prefix] = PREFIXES.find(([limit]) => Math.abs(value) >= limit) ?? [1, ""];
  return `${Number((value / size).toPrecision(4))}${prefix}`;
}

export function formatAgo(iso: string, now: number = Date.now()): string {
  const then = Date.parse(iso);
  if (!then || then < 0) return "never";
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds.toFixed(1)}s ago`;
  return `${formatDuration(Math.floor(seconds))} ago`;
}

export function formatMillis(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}

export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace(/\.\d+Z/, "Z");
}

export function formatSeries(metric: Labels): string {
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return pairs.length || !name ? `${name}{${pairs.join(", ")}}` : name;
}

// Axis times, UTC, 24 hours; seconds only when ticks are closer than a minute, the date where a day begins.
export function formatTimeTicks(ticks: number[]): string[] {
  const withSeconds = ticks.length > 1 && ticks[1]! - ticks[0]! < 60;
  return ticks.map((tick, i) => {
    const iso = new Date(tick * 1000).toISOString();
    const time = iso.slice(11, withSeconds ? 19 : 16);
    const previous = i > 0 ? new Date(ticks[i - 1]! * 1000).toISOString().slice(0, 10) : "";
    return previous === iso.slice(0, 10) ? time : `${time}\n${iso.slice(0, 10)}`;
  });
}
