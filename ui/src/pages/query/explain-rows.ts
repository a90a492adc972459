// The tree of an explanation as rows, parents first.
import type { Explained } from "../../api";

export type Row = {
  part: Explained;
  level: number;
  own: number; // seconds, without the parts below
  share: number; // of the whole query, 0 to 1
};

export function explanationRows(root: Explained): Row[] {
  const rows: Row[] = [];
  const visit = (part: Explained, level: number) => {
    const below = part.children.reduce((sum, child) => sum + child.seconds, 0);
    const own = part.evaluations ? Math.max(0, part.seconds - below) : 0;
    rows.push({ part, level, own, share: root.seconds > 0 ? Math.min(1, own / root.seconds) : 0 });
    part.children.forEach((child) => visit(child, level + 1));
  };
  visit(root, 0);
  return rows;
}
