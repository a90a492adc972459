"""The effective configuration as YAML, in the style in which Prometheus prints it: sections in their order, defaults
filled in, empty fields left out, secrets hidden. What is printed loads to an equal configuration, but for the secrets.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

import yaml

from narthex.config.relabel import RelabelConfig
from narthex.config.scalars import Bytes, Milliseconds, Secret, Url, resolve
from narthex.config.strict import INLINED, Section
from narthex.model.duration import format_duration
from narthex.model.size import format_size

LINE_WIDTH = 80

_STR = "tag:yaml.org,2002:str"
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_RUNS = re.compile(r"[0-9]+|[^0-9]+")
_FLOW = ("source_labels",)
_UNITS = {get_args(Milliseconds)[1]: format_duration, get_args(Bytes)[1]: format_size}


class _Dumper(yaml.CSafeDumper):
    """Which text needs quotes is decided here (by the peer's rules), not by PyYAML's own."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # as the base class declares it


def config_to_yaml(section: Section) -> str:
    """The text that /api/v1/status/config shows for a Config (or any other section)."""
    text: str = yaml.serialize(_section(section), Dumper=_Dumper, width=LINE_WIDTH, allow_unicode=True)
    return text


def _section(section: Section) -> yaml.MappingNode:
    pairs: list[tuple[yaml.Node, yaml.Node]] = []
    _fields(section, pairs)
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)


def _fields(section: Section, pairs: list[tuple[yaml.Node, yaml.Node]]) -> None:
    kind = type(section)
    for name, field in kind.model_fields.items():
        value = getattr(section, name)
        if name in INLINED:
            _fields(value, pairs)
            continue
        if name in kind.ALWAYS or _is_shown(section, name, value):
            unit = _unit(kind, name)
            node = _text(unit(value)) if unit is not None else _node(value, flow=name in _FLOW)
            pairs.append((_text(field.alias or name), node))


def _is_shown(section: Section, name: str, value: Any) -> bool:
    if isinstance(section, RelabelConfig) and name == "regex":
        return "regex" in section.model_fields_set
    if value is None:
        return False
    return _is_optional(type(section), name) or not _is_zero(value)


def _is_zero(value: Any) -> bool:
    if isinstance(value, Section):
        fields = type(value).model_fields
        return all(getattr(value, name) is None or _is_zero(getattr(value, name)) for name in fields)
    return not value


@cache
def _is_optional(kind: type[Section], name: str) -> bool:
    return type(None) in get_args(kind.model_fields[name].annotation)


@cache
def _unit(kind: type[Section], name: str) -> Any:
    """How a field with a unit is written: durations and sizes."""
    field = kind.model_fields[name]
    marks = [*field.metadata, *(m for a in get_args(field.annotation) for m in getattr(a, "__metadata__", ()))]
    return next((_UNITS[m] for m in marks if m in _UNITS), None)


def _node(value: Any, flow: bool = False) -> yaml.Node:
    match value:
        case None:
            return yaml.ScalarNode(_STR, "null")
        case bool():
            return yaml.ScalarNode(_STR, "true" if value else "false")
        case int():
            return yaml.ScalarNode(_STR, str(value))
        case float():
            return yaml.ScalarNode(_STR, _float(value))
        case str():
            return _text(value)
        case Secret():
            return _text(str(value)) if value else yaml.ScalarNode(_STR, "null")
        case Url():
            return _text(str(value))
        case Section():
            return _section(value)
        case dict():
            pairs = [(_text(key), _node(value[key])) for key in sorted(value, key=_natural)]
            return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)
        case list() | tuple():
            items = [_node(item) for item in value]
            return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=flow or not items)
        case _:
            raise TypeError(f"no YAML for {type(value).__name__}")


def _float(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _text(text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return yaml.ScalarNode(_STR, text, style="|")
    plain = resolve(text) == "str" and text != "<<" and not _BASE60.match(text)
    return yaml.ScalarNode(_STR, text, style=None if plain else '"')


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Keys sort with numbers as numbers: a2 before a10."""
    return [(0, int(run), run) if run.isdigit() and run.isascii() else (1, 0, run) for run in _RUNS.findall(text)]
