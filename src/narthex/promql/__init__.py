"""PromQL. In: an expression, a Queryable, times. Out: matrices of series x steps, and their JSON.

`Engine` in engine.py is the door; it plans and reads the selectors (selections.py) and lets evaluator.py walk the tree.
What operators and functions compute is done by kernels of the core on whole matrices (docs/promql-kernels.md).
"""
