import { expect, test } from "vitest";

import { stack, toColumns } from "./columns";

const matrix = {
  resultType: "matrix" as const,
  result: [
    { metric: { a: "1" }, values: [[0, "1"], [10, "2"], [30, "+Inf"]] as [number, string][] },
    { metric: { a: "2" }, values: [[10, "5"]] as [number, string][] },
  ],
};

test("missing and infinite points are gaps", () => {
  const { xs, columns } = toColumns(matrix, 0, 30, 10);
  expect(xs).toEqual([0, 10, 20, 30]);
  expect(columns).toEqual([
    [1, 2, null, null],
    [null, 5, null, null],
  ]);
});

test("stacked columns add up over gaps", () => {
  expect(stack(toColumns(matrix, 0, 30, 10).columns)).toEqual([
    [1, 2, null, null],
    [null, 7, null, null],
  ]);
});
