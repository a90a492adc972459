"""Objects that are only looked at for the sake of others: namespaces, nodes, and what controls pods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.discovery.kubernetes.cluster import Ref
from narthex.discovery.kubernetes.objects import Json, controller, described


@dataclass(frozen=True, slots=True)
class Described:
    """`labels` are what an object adds to targets of another."""

    labels: dict[str, str]

    def uses(self) -> Iterable[Ref]:
        return ()


@dataclass(frozen=True, slots=True)
class Owned:
    """A ReplicaSet or Job: kind and name of what controls it."""

    kind: str
    name: str

    def uses(self) -> Iterable[Ref]:
        return ()


def read_namespace(item: Json) -> Described:
    return Described(described("namespace", item))


def read_owned(item: Json) -> Owned:
    return Owned(*controller(item))
