// From the API's sparse points to the aligned columns that the chart draws.
import type { QueryData } from "../../api";

// x in seconds; null where a series has no point, so that lines break there.
export function toColumns(data: QueryData, start: number, end: number, step: number) {
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  const xs = Array.from({ length: count }, (_, i) => start + i * step);
  const series = data.resultType === "matrix" ? data.result : [];
  const columns = series.map(({ values }) => {
    const ys: (number | null)[] = new Array(count).fill(null);
    for (const [t, text] of values) {
      const i = Math.round((t - start) / step);
      const y = Number(text.replace("Inf", "Infinity"));
      if (i >= 0 && i < count && Number.isFinite(y)) ys[i] = y;
    }
    return ys;
  });
  return { xs, columns };
}

// Running totals from the first column up; a gap counts as nothing.
export function stack(columns: (number | null)[][]): (number | null)[][] {
  const totals: number[] = [];
  return columns.map((column) =>
    column.map((y, i) => {
      if (y === null) return null;
      totals[i] = (totals[i] ?? 0) + y;
      return totals[i];
    }),
  );
}
