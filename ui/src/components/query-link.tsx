// An expression that opens in the query page.
import { Anchor } from "@mantine/core";

import { href, navigate } from "../router";

export function QueryLink({ expr }: { expr: string }) {
  const url = href("query", { "g0.expr": expr, "g0.tab": "graph" });
  return (
    <Anchor
      href={url}
      onClick={(event) => {
        event.preventDefault();
        navigate(url);
      }}
      c="var(--mantine-color-text)"
    >
      <pre className="code" style={{ whiteSpace: "pre-wrap" }}>
        {expr}
      </pre>
    </Anchor>
  );
}
