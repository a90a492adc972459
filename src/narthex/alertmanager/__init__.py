"""The Alertmanager: takes alerts, groups them along a route tree, mutes what is inhibited or silenced, notifies.

In: alerts over API v2. Out: notifications. Order of the way: api -> alerts (store) -> dispatch (route, group) ->
pipeline (inhibit, deduplicate, retry, log) -> receivers. First file to open: dispatch.py.
"""
