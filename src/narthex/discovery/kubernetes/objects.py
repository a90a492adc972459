"""Reading objects of the API: what is missing or of the wrong type counts as empty, as hostile answers may have it.

Kept of an object is only what labels need, under its final label names; the JSON is let go of.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from narthex.discovery.http_api import label_name
from narthex.model.target_group import TargetGroup

Json = Mapping[str, Any]

PREFIX = "__meta_kubernetes_"
NAMESPACE = PREFIX + "namespace"
ADDRESS = "__address__"

_NOTHING: Json = {}


def mapping(value: object) -> Json:
    return value if isinstance(value, dict) else _NOTHING


def objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    return shared(value) if isinstance(value, str) else ""


@lru_cache(maxsize=16 * 1024)
def shared(value: str) -> str:
    """One text for equal ones: the same names and states stand in thousands of objects.

    Only those in use lately are remembered; what sys.intern takes in stays for good under Python 3.12.
    """
    return value


def port_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535 else None


def key_of(item: Json) -> str:
    """`namespace/name`, or the name of an object outside namespaces; empty when there is no name."""
    metadata = mapping(item.get("metadata"))
    return object_key(text(metadata.get("namespace")), text(metadata.get("name")))


def object_key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace and name else name


def controller(item: Json) -> tuple[str, str]:
    """Kind and name of the owner that controls an object, empty when there is none."""
    for owner in objects(mapping(item.get("metadata")).get("ownerReferences")):
        if owner.get("controller") is True:
            return text(owner.get("kind")), text(owner.get("name"))
    return "", ""


@lru_cache(maxsize=16 * 1024)
def meta_name(prefix: str, name: str) -> str:
    """A label name of ours for a name of theirs. Remembered, so that all objects share the text."""
    return PREFIX + prefix + label_name(name)


def described(resource: str, item: Json) -> dict[str, str]:
    """Labels that show an object's own labels and annotations."""
    metadata = mapping(item.get("metadata"))
    out: dict[str, str] = {}
    for what in ("label", "annotation"):
        for name, value in mapping(metadata.get(what + "s")).items():
            if isinstance(value, str):
                out[meta_name(f"{resource}_{what}_", name)] = shared(value) if what == "label" else value
                out[meta_name(f"{resource}_{what}present_", name)] = "true"
    return out


def named(resource: str, item: Json) -> dict[str, str]:
    """`described`, and the object's name."""
    return {
        meta_name(f"{resource}_", "name"): text(mapping(item.get("metadata")).get("name")),
        **described(resource, item),
    }


def namespace_of(item: Json) -> str:
    return text(mapping(item.get("metadata")).get("namespace"))


def without_empty(labels: dict[str, str]) -> dict[str, str]:
    """An empty label is an absent one. The same dictionary when it has none, so that large ones are shared."""
    return labels if all(labels.values()) else {name: value for name, value in labels.items() if value}


def group(source: str, targets: list[dict[str, str]], labels: dict[str, str]) -> TargetGroup:
    return TargetGroup(source, tuple(map(without_empty, targets)), without_empty(labels))
