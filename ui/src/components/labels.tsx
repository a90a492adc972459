// A label set as text that can be selected and copied whole.
import { Badge, Group } from "@mantine/core";

import type { Labels } from "../api";

export function SeriesName({ metric }: { metric: Labels }) {
  const { __name__: name, ...labels } = metric;
  const pairs = Object.entries(labels);
  return (
    <span className="labels">
      {name && <b>{name}</b>}
      {(pairs.length > 0 || !name) && "{"}
      {pairs.map(([key, value], i) => (
        <span key={key}>
          <span className="name">{key}</span>={JSON.stringify(value)}
          {i < pairs.length - 1 ? ", " : ""}
        </span>
      ))}
      {(pairs.length > 0 || !name) && "}"}
    </span>
  );
}

export function LabelBadges({ labels }: { labels: Labels }) {
  return (
    <Group gap={4}>
      {Object.entries(labels).map(([key, value]) => (
        <Badge key={key} variant="default" tt="none" fw={400} radius="sm" style={{ maxWidth: "100%" }}>
          {key}={JSON.stringify(value)}
        </Badge>
      ))}
    </Group>
  );
}
