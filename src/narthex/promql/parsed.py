"""What was parsed before: rules and dashboards ask the same expressions and selectors again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from narthex.errors import PromQLError
from narthex.promql.syntax import Expr, ParserOptions, parse_expr, resolve

T = TypeVar("T")

MOST_TEXT = 256 * 1024
"""Bytes of text whose trees are kept at most; a tree takes some fifty times as much memory."""


class Parsed(NamedTuple):
    """An expression and its tree. `fixed`: no duration in it depends on the query, so `resolve` has nothing to do."""

    text: str
    tree: Expr
    fixed: bool = False


def parse(text: str, options: ParserOptions) -> Parsed:
    """Raises PromQLError."""
    tree = parse_expr(text, options)
    return Parsed(text, tree, _is_fixed(tree))


class ParseCache(Generic[T]):
    """What `parse` made of the texts asked for last. Safe for concurrent use."""

    def __init__(self, parse: Callable[[str], T], most_text: int = MOST_TEXT) -> None:
        self._parse, self._most = parse, most_text
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._held = 0

    def get(self, text: str) -> T:
        """Raises what `parse` raises, each time."""
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
                return found
        parsed = self._parse(text)
        self._keep(text, parsed)
        return parsed

    def _keep(self, text: str, parsed: T) -> None:
        if len(text) > self._most // 8:
            return
        with self._lock:
            if text in self._kept:
                return
            self._kept[text] = parsed
            self._held += len(text)
            while self._held > self._most:
                oldest, _ = self._kept.popitem(last=False)
                self._held -= len(oldest)


def _is_fixed(tree: Expr) -> bool:
    try:
        return resolve(tree, 1000, 1000) is tree
    except PromQLError:
        return False
