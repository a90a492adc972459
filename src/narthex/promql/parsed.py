"""Expressions that were parsed before: rules and dashboards ask the same ones again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from narthex.errors import PromQLError
from narthex.promql.syntax import Expr, ParserOptions, parse_expr, resolve

MOST_TEXT = 256 * 1024
"""Bytes of text whose trees are kept at most; a tree takes some fifty times as much memory."""


class Parsed(NamedTuple):
    """An expression and its tree. `fixed`: no duration in it depends on the query, so `resolve` has nothing to do."""

    text: str
    tree: Expr
    fixed: bool = False


class ParseCache:
    """The trees of the expressions asked for last. Safe for concurrent use."""

    def __init__(self, options: ParserOptions, most_text: int = MOST_TEXT) -> None:
        self._options, self._most = options, most_text
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Parsed] = OrderedDict()
        self._held = 0

    def get(self, text: str) -> Parsed:
        """Raises PromQLError."""
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
                return found
        tree = parse_expr(text, self._options)
        parsed = Parsed(text, tree, _is_fixed(tree))
        self._keep(parsed)
        return parsed

    def _keep(self, parsed: Parsed) -> None:
        size = len(parsed.text)
        if size > self._most // 8:
            return
        with self._lock:
            if parsed.text in self._kept:
                return
            self._kept[parsed.text] = parsed
            self._held += size
            while self._held > self._most:
                text, _ = self._kept.popitem(last=False)
                self._held -= len(text)


def _is_fixed(tree: Expr) -> bool:
    try:
        return resolve(tree, 1000, 1000) is tree
    except PromQLError:
        return False
