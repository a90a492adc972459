// The query page's state lives in the URL, in Prometheus' own words: g0.expr, g0.tab, g0.range_input, g0.end_input ...
import { formatDuration, parseDuration } from "../../format";

export type Tab = "table" | "graph" | "explain";

export type Panel = {
  expr: string;
  tab: Tab;
  range: number; // seconds
  end: number | null; // Unix seconds; null is "now"
  step: number | null; // seconds; null chooses by the range
  stacked: boolean;
};

export const EMPTY: Panel = { expr: "", tab: "graph", range: 3600, end: null, step: null, stacked: false };

export function readPanels(search: string): Panel[] {
  const params = new URLSearchParams(search);
  const panels: Panel[] = [];
  for (let i = 0; params.has(`g${i}.expr`); i++) {
    const value = (name: string) => params.get(`g${i}.${name}`) ?? "";
    const end = value("end_input") ? Date.parse(`${value("end_input").trim().replace(" ", "T")}Z`) / 1000 : NaN;
    panels.push({
      expr: value("expr"),
      tab: readTab(value("tab")),
      range: parseDuration(value("range_input")) ?? EMPTY.range,
      end: Number.isFinite(end) ? end : null,
      step: Number(value("res_step") || value("step_input")) || null,
      stacked: value("display_mode") === "stacked" || value("stacked") === "1",
    });
  }
  return panels.length ? panels : [EMPTY];
}

// Old links say 0 for the graph and 1 for the table.
export function readTab(text: string | null): Tab {
  return text === "table" || text === "1" ? "table" : text === "explain" ? "explain" : "graph";
}

export function writePanels(panels: Panel[]): string {
  const params = new URLSearchParams();
  panels.forEach((panel, i) => {
    params.set(`g${i}.expr`, panel.expr);
    params.set(`g${i}.tab`, panel.tab);
    params.set(`g${i}.display_mode`, panel.stacked ? "stacked" : "lines");
    params.set(`g${i}.range_input`, formatDuration(panel.range));
    if (panel.end !== null)
      params.set(`g${i}.end_input`, new Date(panel.end * 1000).toISOString().slice(0, 19).replace("T", " "));
    if (panel.step !== null) {
      params.set(`g${i}.res_type`, "fixed");
      params.set(`g${i}.res_step`, String(panel.step));
    }
  });
  return params.toString();
}

// A step that gives about 250 points.
export function stepOf(panel: Panel): number {
  return panel.step ?? Math.max(1, Math.floor(panel.range / 250));
}
