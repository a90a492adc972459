"""Random PromQL queries, answered by narthex server and by Debian's Prometheus 2.42 over copies of one data directory.

In: a seed. Out: differences that no rule explains, each shrunk to a small query and printed with the samples it reads.
First file to open: `fuzz.py`; `differences.py` is the table of what is known to differ between 2.42 and 3.14.

From the checkout: `PYTHONPATH=tests python -m differential.promql_fuzz --seed 7 --queries 1000`.
"""
