// Blocks of the database as a picture: when each begins and ends, and in which row it is drawn.
export type Block = {
  ulid: string;
  minTime: number;
  maxTime: number;
  stats?: {
    numSamples?: number;
    numSeries?: number;
    numChunks?: number;
    numTombstones?: number;
  };
  compaction: { level: number; failed?: boolean; deletable?: boolean; hints?: string[] };
};

export type Bar = { block: Block; left: number; width: number; row: number };

// Shares of the whole time (0 to 1). Blocks that overlap are drawn in different rows; within a row, oldest first.
export function layOut(blocks: Block[]): { bars: Bar[]; rows: number } {
  const ordered = [...blocks].sort((a, b) => a.minTime - b.minTime || b.maxTime - a.maxTime);
  const first = Math.min(...ordered.map((b) => b.minTime));
  const last = Math.max(...ordered.map((b) => b.maxTime));
  const whole = Math.max(1, last - first);
  const ends: number[] = []; // of the last block in each row
  const bars = ordered.map((block) => {
    let row = ends.findIndex((end) => end <= block.minTime);
    if (row < 0) row = ends.length;
    ends[row] = block.maxTime;
    return { block, left: (block.minTime - first) / whole, width: (block.maxTime - block.minTime) / whole, row };
  });
  return { bars, rows: ends.length };
}

// What is unusual about a block, in words; empty for an ordinary one.
export function remarks({ stats, compaction }: Block): string[] {
  const said = [];
  if (compaction.failed) said.push("compaction failed");
  if (compaction.deletable) said.push("to be deleted");
  if (stats?.numTombstones) said.push(`${stats.numTombstones.toLocaleString("en")} deletions`);
  return [...said, ...(compaction.hints ?? [])];
}
