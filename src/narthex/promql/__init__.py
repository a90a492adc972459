"""PromQL. In: an expression, a Queryable, times. Out: matrices of series x steps."""
