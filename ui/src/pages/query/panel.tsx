// One panel: editor, time controls, and the answer as table, graph or explanation of what it took.
import {
  ActionIcon,
  Button,
  Group,
  NumberInput,
  Paper,
  SegmentedControl,
  Stack,
  Switch,
  Tabs,
  Text,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import {
  IconChartLine,
  IconChevronLeft,
  IconChevronRight,
  IconListTree,
  IconMinus,
  IconPlus,
  IconTable,
  IconTrash,
} from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";

import { type Answer, get, type QueryAnswer, type QueryData } from "../../api";
import { Failure, Notes, PageLoader } from "../../components/state";
import { formatDuration, parseDuration } from "../../format";
import { Editor } from "./editor";
import { Explanation } from "./explain";
import { Graph } from "./graph";
import { type Panel, readTab, stepOf } from "./state";
import { ResultTable } from "./table";

const RANGES = [60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200];

type Outcome = { answer: Answer<QueryAnswer>; tab: Panel["tab"]; millis: number; start: number; end: number; step: number };
type Props = { panel: Panel; onChange: (panel: Panel) => void; onRemove?: () => void };

export function PanelView({ panel, onChange, onRemove }: Props) {
  const [text, setText] = useState(panel.expr);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [loading, setLoading] = useState(false);
  const abort = useRef<AbortController | null>(null);
  const { expr, tab, range, end } = panel;
  const step = stepOf(panel);

  useEffect(() => setText(panel.expr), [panel.expr]);

  const run = useCallback(() => {
    abort.current?.abort();
    if (!expr.trim()) return;
    const controller = new AbortController();
    abort.current = controller;
    setLoading(true);
    const until = end ?? Date.now() / 1000;
    const from = until - range;
    const overRange = tab !== "table";
    const params: Record<string, string> = overRange
      ? { query: expr, start: from.toFixed(3), end: until.toFixed(3), step: String(step) }
      : { query: expr, time: until.toFixed(3) };
    if (tab === "explain") Object.assign(params, { explain: "1", limit: "1" }); // the series themselves are not shown
    const began = performance.now();
    get<QueryAnswer>(overRange ? "query_range" : "query", params, controller.signal)
      .then((answer) => {
        setOutcome({ answer, tab, millis: performance.now() - began, start: from, end: until, step });
        setError(null);
        setLoading(false);
      })
      .catch((failure: Error) => {
        if (controller.signal.aborted) return;
        setOutcome(null);
        setError(failure);
        setLoading(false);
      });
  }, [expr, tab, range, end, step]);

  useEffect(() => {
    run();
    return () => abort.current?.abort();
  }, [run]);

  const submit = () => (text === expr ? run() : onChange({ ...panel, expr: text }));
  const shown = outcome?.tab === tab ? outcome : null;

  return (
    <Paper withBorder p="sm" component="section" aria-label="Query panel">
      <Stack gap="sm">
        <Group align="flex-start" gap="xs" wrap="nowrap">
          <Editor value={text} onChange={setText} onRun={submit} />
          <Button onClick={submit} loading={loading}>
            Execute
          </Button>
          {onRemove && (
            <ActionIcon variant="default" size={36} aria-label="Remove panel" onClick={onRemove}>
              <IconTrash size={16} />
            </ActionIcon>
          )}
        </Group>
        <Tabs value={tab} onChange={(value) => onChange({ ...panel, tab: readTab(value) })}>
          <Group justify="space-between" align="flex-end" gap="sm">
            <Tabs.List>
              <Tabs.Tab value="graph" leftSection={<IconChartLine size={16} />}>
                Graph
              </Tabs.Tab>
              <Tabs.Tab value="table" leftSection={<IconTable size={16} />}>
                Table
              </Tabs.Tab>
              <Tabs.Tab value="explain" leftSection={<IconListTree size={16} />}>
                Explain
              </Tabs.Tab>
            </Tabs.List>
            {shown && tab !== "explain" && (
              <Text size="xs" c="dimmed">
                {count(shown.answer.data)} series in {Math.round(shown.millis)} ms
                {tab === "graph" ? `, step ${formatDuration(shown.step)}` : ""}
              </Text>
            )}
          </Group>
        </Tabs>
        <Controls panel={panel} onChange={onChange} />
        {shown && tab !== "explain" && <Notes warnings={shown.answer.warnings} infos={shown.answer.infos} />}
        {error ? (
          <Failure error={error} />
        ) : shown && tab === "graph" ? (
          <Graph
            data={shown.answer.data}
            start={shown.start}
            end={shown.end}
            step={shown.step}
            stacked={panel.stacked}
            onZoom={(from, to) => onChange({ ...panel, end: to, range: Math.max(1, Math.round(to - from)) })}
          />
        ) : shown?.answer.data.explain ? (
          <Explanation root={shown.answer.data.explain} />
        ) : shown ? (
          <ResultTable data={shown.answer.data} />
        ) : loading ? (
          <PageLoader />
        ) : (
          <Examples onPick={(picked) => onChange({ ...panel, expr: picked })} />
        )}
      </Stack>
    </Paper>
  );
}

const EXAMPLES: [string, string][] = [
  ["Targets that are up, by job", "sum by (job) (up)"],
  [
    "Time to first token, 99th percentile",
    "histogram_quantile(0.99, sum by (le, model_name) (rate(vllm:time_to_first_token_seconds_bucket[1m])))",
  ],
  ["Generated tokens a second, by model", "sum by (model_name) (rate(vllm:generation_tokens_total[1m]))"],
  ["KV cache in use", "vllm:kv_cache_usage_perc"],
  ["Requests waiting", "vllm:num_requests_waiting"],
  ["CPU in use, by mode", 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))'],
];

function Examples({ onPick }: { onPick: (expr: string) => void }) {
  return (
    <Stack gap={4} py="md">
      <Text size="sm" c="dimmed">
        Enter an expression, or start with one of these:
      </Text>
      {EXAMPLES.map(([name, example]) => (
        <UnstyledButton key={name} className="example" onClick={() => onPick(example)}>
          <Text size="sm">{name}</Text>
          <Text size="xs" c="dimmed" ff="monospace" truncate>
            {example}
          </Text>
        </UnstyledButton>
      ))}
    </Stack>
  );
}

function count(data: QueryData): number {
  return data.resultType === "vector" || data.resultType === "matrix" ? data.result.length : 1;
}

function Controls({ panel, onChange }: { panel: Panel; onChange: (panel: Panel) => void }) {
  const { range, end } = panel;
  const [text, setText] = useState(formatDuration(range));
  useEffect(() => setText(formatDuration(range)), [range]);
  const commit = () => {
    const seconds = parseDuration(text);
    if (seconds && seconds > 0) onChange({ ...panel, range: seconds });
    else setText(formatDuration(range));
  };
  const move = (by: number) => onChange({ ...panel, end: Math.round((end ?? Date.now() / 1000) + by) });
  const shorter = [...RANGES].reverse().find((r) => r < range);
  const longer = RANGES.find((r) => r > range);
  return (
    <Group gap="xs">
      {panel.tab !== "table" && (
        <Group gap={4} wrap="nowrap">
          <ActionIcon variant="default" size={30} aria-label="Shorter range" disabled={!shorter} onClick={() => onChange({ ...panel, range: shorter! })}>
            <IconMinus size={14} />
          </ActionIcon>
          <TextInput
            w={76}
            size="xs"
            aria-label="Range"
            value={text}
            error={parseDuration(text) === null}
            onChange={(event) => setText(event.currentTarget.value)}
            onBlur={commit}
            onKeyDown={(event) => event.key === "Enter" && commit()}
          />
          <ActionIcon variant="default" size={30} aria-label="Longer range" disabled={!longer} onClick={() => onChange({ ...panel, range: longer! })}>
            <IconPlus size={14} />
          </ActionIcon>
        </Group>
      )}
      <Group gap={4} wrap="nowrap">
        <ActionIcon variant="default" size={30} aria-label="Earlier" onClick={() => move(-range / 2)}>
          <IconChevronLeft size={14} />
        </ActionIcon>
        <TextInput
          type="datetime-local"
          step={1}
          size="xs"
          aria-label="End time (UTC)"
          title="End time, UTC; empty is now"
          value={end === null ? "" : new Date(end * 1000).toISOString().slice(0, 19)}
          onChange={(event) => {
            const moment = Date.parse(`${event.currentTarget.value}Z`) / 1000;
            onChange({ ...panel, end: Number.isFinite(moment) ? moment : null });
          }}
        />
        <ActionIcon variant="default" size={30} aria-label="Later" onClick={() => move(range / 2)}>
          <IconChevronRight size={14} />
        </ActionIcon>
        {end !== null && (
          <Button size="xs" variant="subtle" onClick={() => onChange({ ...panel, end: null })}>
            Now
          </Button>
        )}
      </Group>
      {panel.tab !== "table" && (
        <>
          <NumberInput
            w={110}
            size="xs"
            aria-label="Step in seconds"
            placeholder={`Step ${stepOf({ ...panel, step: null })}s`}
            suffix="s"
            min={1}
            value={panel.step ?? ""}
            onChange={(value) => onChange({ ...panel, step: Number(value) || null })}
          />
          <SegmentedControl
            size="xs"
            aria-label="Quick range"
            data={["15m", "1h", "6h", "1d"]}
            value={formatDuration(range)}
            onChange={(value) => onChange({ ...panel, range: parseDuration(value)! })}
          />
          {panel.tab === "graph" && (
            <Switch
              size="xs"
              label="Stacked"
              checked={panel.stacked}
              onChange={(event) => onChange({ ...panel, stacked: event.currentTarget.checked })}
            />
          )}
        </>
      )}
    </Group>
  );
}
