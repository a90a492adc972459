"""XML answers of AWS' query APIs as nested dictionaries."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from narthex.errors import HTTPClientError


def parse(document: bytes) -> ElementTree.Element:
    """The root. Raises HTTPClientError; for entities too, which such answers never have and which could fill memory."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise HTTPClientError("the answer is XML that declares entities")
    try:
        return ElementTree.fromstring(document)
    except ElementTree.ParseError as e:
        raise HTTPClientError(f"the answer is not XML: {e}") from None


def tag(element: ElementTree.Element) -> str:
    """Its name without the namespace."""
    return element.tag.rpartition("}")[2]


def as_dict(element: ElementTree.Element) -> Any:
    """Text for a leaf, else a dictionary by tag, in which a tag that repeats has a list."""
    if not len(element):
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        name, value = tag(child), as_dict(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def members(value: Any) -> Any:
    """What stands in a list of such an answer, whatever its members are called: none, one or many."""
    if value is None or value == "":
        return []
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    return value if isinstance(value, list) else [value]
