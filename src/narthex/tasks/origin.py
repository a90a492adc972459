"""Who asked for the work that is being done: an HTTP request, a rule group. The query log says so."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

Origin = Mapping[str, Mapping[str, str]]

ORIGIN: ContextVar[Origin] = ContextVar("ORIGIN")
"""Set where work begins; without a value nobody in particular asked. Threads do not inherit it."""


def request_origin(client: str, method: str, path: str) -> Origin:
    """Of an HTTP request: the client's address without its port, and the route."""
    return {"httpRequest": {"clientIP": client, "method": method, "path": path}}


def rule_origin(file: str, group: str) -> Origin:
    """Of a rule group."""
    return {"ruleGroup": {"file": file, "name": group}}
