"""The language of PromQL test scripts (load, eval, expect) and the runner that holds an engine against them.

In: a script, an engine and a maker of empty storages, both typed by the protocols of outcome.py and runner.py.
Out: a verdict for each eval. First file to open: commands.py, then script.py and runner.py.
"""
