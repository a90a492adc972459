// Query page: any number of panels, each with an expression, a table and a graph.
import { Button, Stack } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { href, navigate, useLocation } from "../../router";
import { PanelView } from "./panel";
import { EMPTY, type Panel, readPanels, writePanels } from "./state";

export default function QueryPage() {
  const { search } = useLocation();
  const [panels, setPanels] = useState(() => readPanels(search));
  const ids = useRef(panels.map((_, i) => i));
  const written = useRef(writePanels(panels));

  // Back and forward buttons change the URL under us.
  useEffect(() => {
    if (search && search !== written.current) {
      const read = readPanels(search);
      written.current = search;
      ids.current = read.map((_, i) => i);
      setPanels(read);
    }
  }, [search]);

  const update = (next: Panel[]) => {
    setPanels(next);
    written.current = writePanels(next);
    navigate(`${href("query")}?${written.current}`);
  };

  return (
    <Stack gap="lg">
      {panels.map((panel, i) => (
        <PanelView
          key={ids.current[i]}
          panel={panel}
          onChange={(next) => update(panels.map((old, k) => (k === i ? next : old)))}
          onRemove={
            panels.length > 1
              ? () => {
                  ids.current.splice(i, 1);
                  update(panels.filter((_, k) => k !== i));
                }
              : undefined
          }
        />
      ))}
      <Button
        variant="default"
        leftSection={<IconPlus size={16} />}
        style={{ alignSelf: "flex-start" }}
        onClick={() => {
          ids.current.push(Math.max(...ids.current) + 1);
          update([...panels, EMPTY]);
        }}
      >
        Add query
      </Button>
    </Stack>
  );
}
