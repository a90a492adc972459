"""What an execution works on: parsed templates, the functions they may call, and the bounds of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from narthex.template.values import Function


@dataclass(frozen=True)
class Limits:
    """Bounds of one execution: nodes visited, templates and blocks inside each other, characters of output."""

    steps: int = 1_000_000
    depth: int = 60
    output: int = 4 << 20


@dataclass(frozen=True)
class Definition:
    """A parsed template and the text it came from, which error messages need for line and column."""

    name: str
    body: list[Any]
    file: str
    text: str


@dataclass
class Library:
    """Templates by name. `html` escapes the values of actions."""

    functions: dict[str, Function]
    html: bool = False
    limits: Limits = field(default_factory=Limits)
    definitions: dict[str, Definition] = field(default_factory=dict)
