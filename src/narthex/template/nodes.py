"""The syntax tree of a template. `str(node)` is the canonical text that error messages quote; `at` is a text offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from narthex.model.labels import quote


@dataclass(frozen=True)
class Text:
    at: int
    text: str


@dataclass(frozen=True)
class Dot:
    at: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True)
class Nil:
    at: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True)
class Constant:
    """A bool, number or string. `text` is as written; an int constant may serve as a float64 argument."""

    at: int
    value: bool | int | float | str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Field:
    at: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{n}" for n in self.names)


@dataclass(frozen=True)
class Variable:
    """`name` includes the dollar sign."""

    at: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True)
class Identifier:
    at: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Chain:
    """Fields after a parenthesised pipeline or another term: (x).A.B"""

    at: int
    base: Any
    names: tuple[str, ...]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base)
        return base + "".join(f".{n}" for n in self.names)


@dataclass(frozen=True)
class Command:
    at: int
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return " ".join(f"({a})" if isinstance(a, Pipe) else str(a) for a in self.args)


@dataclass(frozen=True)
class Pipe:
    at: int
    variables: tuple[str, ...]
    assign: bool
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        head = f"{', '.join(self.variables)} {'=' if self.assign else ':='} " if self.variables else ""
        return head + " | ".join(map(str, self.commands))


@dataclass(frozen=True)
class Action:
    at: int
    pipe: Pipe


@dataclass(frozen=True)
class Branch:
    """if, with or range. `otherwise` is the else part, None without one."""

    at: int
    kind: Literal["if", "with", "range"]
    pipe: Pipe
    body: Sequence[Any]
    otherwise: Sequence[Any] | None


@dataclass(frozen=True)
class Jump:
    at: int
    kind: Literal["break", "continue"]


@dataclass(frozen=True)
class Call:
    """{{template "name" pipe}}"""

    at: int
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"
