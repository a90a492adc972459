"""Canonical text of a tree, as Prometheus' String() writes it."""

from __future__ import annotations


def format_node(node: object) -> str:
    """The canonical text of an expression or duration node."""
    return repr(node)
