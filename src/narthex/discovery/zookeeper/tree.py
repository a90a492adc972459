"""What is known of the nodes below some paths, and how it is brought up to date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from narthex.discovery.paging import at_most

READS_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Node:
    data: bytes
    children: frozenset[str]
    """Names, without the path."""


Nodes = Mapping[str, Node]
"""By full path. Children that are not among them came or went while their parent was read: its watch will tell."""

Read = Callable[[str], Awaitable[Node | None]]


async def read_tree(read: Read, paths: Iterable[str], known: Nodes) -> dict[str, Node]:
    """`known` with these nodes read anew, their new children read, and the nodes below lost children left out.

    `read` gives None for nodes that do not exist; what it raises ends this.
    """
    nodes = dict(known)
    wanted = sorted(set(paths))
    while wanted:
        for path, node in zip(wanted, await at_most(READS_AT_A_TIME, read, wanted), strict=True):
            _replace(nodes, path, node)
        listed = (child for path in wanted if path in nodes for child in _children(path, nodes[path].children))
        wanted = sorted(path for path in listed if path not in nodes)
    return nodes


def _replace(nodes: dict[str, Node], path: str, node: Node | None) -> None:
    gone = nodes[path].children - (node.children if node else frozenset()) if path in nodes else ()
    if node is None:
        nodes.pop(path, None)
    else:
        nodes[path] = node
    lost = list(_children(path, gone))
    while lost:
        below = lost.pop()
        dropped = nodes.pop(below, None)
        if dropped:
            lost += _children(below, dropped.children)


def _children(path: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{path.rstrip('/')}/{name}" for name in names)


def changes(before: Nodes, after: Nodes) -> tuple[Sequence[str], Sequence[str]]:
    """The paths with new data, and those that are gone."""
    new = [path for path, node in after.items() if path not in before or before[path].data != node.data]
    return new, [path for path in before if path not in after]
