"""`narthex server`: the parts of a drop-in for Prometheus, joined.

`main.py` says in which order they start, reload and stop; `parts.py` makes them and hangs them together; `settings.py`
checks the flags of `flag_table.py`; `load.py` and `reload.py` read and apply configurations; `state.py`, `features.py`
and `storage.py` are what the API shows; `queries.py` is the engine as the API and the rules see it.
"""
