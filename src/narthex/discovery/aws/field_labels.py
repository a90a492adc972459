"""Labels named after the fields of an answer: in lower case with underscores, but for the few that are renamed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FRACTION = re.compile(r"\.[0-9]+(?=Z|[+-])")
_NONE: Mapping[str, str] = {}


def field_labels(
    prefix: str, document: object, fields: Iterable[str], renamed: Mapping[str, str] = _NONE, suffix: str = ""
) -> dict[str, str]:
    """Of the fields that are there and are text. Times have whole seconds, as peers write them."""
    labels: dict[str, str] = {}
    if not isinstance(document, dict):
        return labels
    for field in fields:
        value: Any = document.get(field)
        if isinstance(value, str):
            text = _FRACTION.sub("", value) if field.endswith(("Time", "Date")) else value
            labels[f"{prefix}{renamed.get(field) or _WORD.sub('_', field).lower()}{suffix}"] = text
    return labels


def listed_tags(tags: Iterable[object]) -> dict[str, str]:
    """From a list of keys and values."""
    pairs = [tag for tag in tags if isinstance(tag, dict)]
    return {str(tag["Key"]): str(tag["Value"]) for tag in pairs if "Key" in tag and "Value" in tag}
