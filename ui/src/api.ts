// The HTTP API as the pages use it. Every answer is Prometheus' envelope; errors carry its errorType.

export type Labels = Record<string, string>;
export type Point = [number, string];
export type VectorSample = { metric: Labels; value: Point };
export type MatrixSeries = { metric: Labels; values: Point[] };
export type QueryData =
  | { resultType: "vector"; result: VectorSample[] }
  | { resultType: "matrix"; result: MatrixSeries[] }
  | { resultType: "scalar"; result: Point }
  | { resultType: "string"; result: Point };
export type QueryAnswer = QueryData & { explain?: Explained };

export type Target = {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
  scrapeTimeout: string;
};
export type ActiveAlert = {
  labels: Labels;
  annotations: Labels;
  state: "pending" | "firing" | "inactive";
  activeAt: string;
  value: string;
};
export type Rule = {
  name: string;
  query: string;
  health: string;
  lastError?: string;
  lastEvaluation: string;
  evaluationTime: number;
  labels?: Labels;
} & (
  | { type: "recording" }
  | { type: "alerting"; duration: number; state: string; annotations: Labels; alerts: ActiveAlert[] }
);
export type RuleGroup = {
  name: string;
  file: string;
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
  rules: Rule[];
};
export type Counted = { name: string; value: number };
export type TsdbStatus = {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: Counted[];
  labelValueCountByLabelName: Counted[];
  memoryInBytesByLabelName: Counted[];
  seriesCountByLabelValuePair: Counted[];
};
export type Notification = { text: string; date: string; active: boolean };
// What one part of an expression took; the figures include the parts below it.
export type Explained = {
  node: string;
  type: string;
  evaluations: number;
  reused: number;
  steps: number;
  series: number;
  samplesRead: number;
  seconds: number;
  children: Explained[];
};
export type Answer<T> = { data: T; warnings: string[]; infos: string[] };

export class ApiError extends Error {
  constructor(
    message: string,
    readonly type: string,
  ) {
    super(message);
  }
}

const PAGES = ["query", "graph", "alerts", "rules", "targets", "status", "flags", "config", "tsdb-status"];

// The server may sit below a route prefix: what is left of the path without the page's name.
export function basePath(path: string = window.location.pathname): string {
  const parts = path.replace(/\/+$/, "").split("/");
  const last = parts[parts.length - 1] ?? "";
  return (PAGES.includes(last) ? parts.slice(0, -1) : parts).join("/");
}

export async function get<T>(
  path: string,
  params: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer<T>> {
  const text = new URLSearchParams(params).toString();
  let response: Response;
  try {
    response = await fetch(`${basePath()}/api/v1/${path}${text ? `?${text}` : ""}`, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server cannot be reached. Is it running?", "network");
  }
  const body = await response.text();
  let parsed;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new ApiError(response.status === 503 ? "The server is starting: it replays its log." : body, "server");
  }
  if (parsed.status !== "success") throw new ApiError(parsed.error ?? response.statusText, parsed.errorType ?? "");
  return { data: parsed.data, warnings: parsed.warnings ?? [], infos: parsed.infos ?? [] };
}
