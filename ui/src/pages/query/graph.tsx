// A range answer as a chart: hover shows the nearest series, dragging zooms, the legend hides and shows.
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";

import type { QueryData } from "../../api";
import { SeriesName } from "../../components/labels";
import { Empty } from "../../components/state";
import { formatTick, formatTime, formatTimeTicks } from "../../format";
import { stack, toColumns } from "./columns";

const LIGHT = ["#1971c2", "#e8590c", "#2f9e44", "#9c36b5", "#e03131", "#0c8599", "#f08c00", "#6741d9", "#66a80f", "#c2255c", "#495057", "#862e9c"];
const DARK = ["#4dabf7", "#ff922b", "#69db7c", "#da77f2", "#ff8787", "#3bc9db", "#ffd43b", "#9775fa", "#a9e34b", "#f783ac", "#adb5bd", "#e599f7"];
const HEIGHT = 380;
const MAX_SERIES = 200;

type Props = {
  data: QueryData;
  start: number;
  end: number;
  step: number;
  stacked: boolean;
  onZoom: (from: number, to: number) => void;
};
type Hover = { series: number; index: number; left: number; top: number };

export function Graph({ data, start, end, step, stacked, onZoom }: Props) {
  const { ref: host, width } = useElementSize();
  const chart = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const dark = useComputedColorScheme("light") === "dark";
  const palette = dark ? DARK : LIGHT;
  const [hidden, setHidden] = useState<Set<number>>(new Set());
  const [hover, setHover] = useState<Hover | null>(null);

  const all = data.resultType === "matrix" ? data.result : [];
  const series = all.slice(0, MAX_SERIES);
  const { xs, columns } = useMemo(() => toColumns(data, start, end, step), [data, start, end, step]);
  const drawn = useMemo(() => {
    const shown = columns.slice(0, MAX_SERIES);
    return stacked ? stack(shown) : shown;
  }, [columns, stacked]);

  useEffect(() => setHidden(new Set()), [data]);

  useEffect(() => {
    if (!chart.current || width === 0 || drawn.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--mantine-color-dimmed");
    const grid = dark ? "#ffffff14" : "#00000010";
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const created = new uPlot(
      {
        width,
        height: HEIGHT,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"),
        legend: { show: false },
        cursor: { focus: { prox: 30 }, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
        focus: { alpha: 0.35 },
        scales: { x: { range: [start, end] } },
        axes: [{ ...axis, space: 90, values: (_, ticks) => formatTimeTicks(ticks) }, { ...axis, size: 64, values: (_, ticks) => ticks.map(formatTick) }],
        series: [
          {},
          ...drawn.map((_, i) => ({
            stroke: palette[i % palette.length],
            fill: stacked ? `${palette[i % palette.length]}33` : undefined,
            width: 1.5,
            points: { show: xs.length < 3 },
          })),
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width > 4) {
                zoom.current(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
                u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              }
            },
          ],
          setCursor: [
            (u) => {
              const { idx, left = 0, top = 0 } = u.cursor;
              const focused = u.series.findIndex((s, i) => i > 0 && (s as { _focus?: boolean })._focus === true);
              if (idx == null || left < 0 || focused < 1) setHover(null);
              else setHover({ series: focused - 1, index: idx, left, top });
            },
          ],
        },
      },
      [xs, ...drawn] as uPlot.AlignedData,
      chart.current,
    );
    plot.current = created;
    return () => {
      created.destroy();
      plot.current = null;
    };
  }, [xs, drawn, width, dark, stacked, start, end, palette]);

  useEffect(() => {
    drawn.forEach((_, i) => plot.current?.setSeries(i + 1, { show: !hidden.has(i) }));
  }, [hidden, drawn, width, dark]);

  const toggle = (i: number, alone: boolean) =>
    setHidden((old) => {
      if (alone) {
        const others = series.map((_, k) => k).filter((k) => k !== i);
        return others.every((k) => old.has(k)) ? new Set() : new Set(others);
      }
      const next = new Set(old);
      if (!next.delete(i)) next.add(i);
      return next;
    });

  if (data.resultType !== "matrix" || all.length === 0)
    return <Empty>The expression gives no series in this range.</Empty>;
  const value = hover && columns[hover.series]?.[hover.index];
  return (
    <div>
      <div ref={host} style={{ position: "relative" }}>
        <div ref={chart} role="img" aria-label={`Graph of ${series.length} series`} />
        {hover && value != null && (
          <div
            className="tooltip"
            style={{
              top: Math.max(0, hover.top - 20),
              ...(hover.left > width / 2 ? { right: width - hover.left - 40 } : { left: hover.left + 90 }),
            }}
          >
            <div>{formatTime(xs[hover.index] ?? 0)}</div>
            <b>{value}</b>
            <div>
              <SeriesName metric={series[hover.series]!.metric} />
            </div>
          </div>
        )}
      </div>
      {all.length > MAX_SERIES && (
        <div>
          Showing {MAX_SERIES} of {all.length} series; aggregate or narrow the selector to see the rest.
        </div>
      )}
      <div className="legend" aria-label="Legend: click hides a series, Ctrl+click shows it alone">
        {series.map(({ metric }, i) => (
          <button
            key={i}
            type="button"
            aria-pressed={!hidden.has(i)}
            onClick={(event) => toggle(i, event.ctrlKey || event.metaKey)}
            onMouseEnter={() => plot.current?.setSeries(i + 1, { focus: true })}
            onMouseLeave={() => plot.current?.setSeries(null as unknown as number, { focus: true })}
          >
            <span className="swatch" style={{ background: palette[i % palette.length] }} />
            <SeriesName metric={metric} />
          </button>
        ))}
      </div>
    </div>
  );
}
