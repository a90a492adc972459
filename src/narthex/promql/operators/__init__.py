"""Selectors, aggregations and binary operators, a family a file. In: expressions and a grid. Out: matrices."""
