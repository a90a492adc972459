"""Go's values as templates see them, mapped onto Python's.

bool, int, float, str and None are Go's bool, int, float64, string and nil. Lists and tuples are slices. A Mapping is a
map[string]string (a missing key gives ""), an AnyMap a map[string]interface{} (a missing key gives nil). A Struct shows
the fields and methods that it names in `go_fields` and nothing else of the Python object. Callables are functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from narthex.template.evaluator import Evaluator


class AnyMap(dict[str, Any]):
    """A map whose values have any type: a missing key is nil, not ""."""


class HtmlText(str):
    """Text that is HTML already; html mode does not escape it."""

    __slots__ = ()


class Struct:
    """A Go struct. `go_fields` maps the Go name of a field or method to the Python attribute that holds it.

    A bound method found there is called, with the template's arguments.
    """

    go_fields: ClassVar[Mapping[str, str]] = {}
    go_type: ClassVar[str] = "struct"

    def go_string(self) -> str | None:
        """What printing shows (Go's Stringer), or None for the fields in braces."""
        return None


@dataclass(frozen=True)
class Function:
    """A function that templates may call.

    `params` names a type for each argument: string, int, float64, bool, any. A last entry that starts with "..." stands
    for any number of arguments of its type. `optional` parameters at the end may be left out. With `wants_evaluator`
    the evaluator is given as the first argument.
    """

    call: Callable[..., Any]
    params: tuple[str, ...] = ("...any",)
    wants_evaluator: bool = False

    @property
    def variadic(self) -> bool:
        return bool(self.params) and self.params[-1].startswith("...")

    @property
    def fixed(self) -> int:
        return len(self.params) - 1 if self.variadic else len(self.params)

    def param(self, index: int) -> str:
        """Type of the argument at a position, which must be allowed by the parameter list."""
        return self.params[index] if index < self.fixed else self.params[-1].removeprefix("...")

    def __call__(self, evaluator: Evaluator, args: Sequence[Any]) -> Any:
        return self.call(evaluator, *args) if self.wants_evaluator else self.call(*args)


def type_name(value: Any) -> str:
    """Go's name of the value's type, for error messages and %T."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case HtmlText():
            return "template.HTML"
        case str():
            return "string"
        case Struct():
            return value.go_type
        case AnyMap():
            return "map[string]interface {}"
        case Mapping():
            return "map[string]string"
        case list() | tuple():
            return "[]string" if value and all(isinstance(v, str) for v in value) else "[]interface {}"
        case _:
            return "func" if callable(value) else type(value).__name__


def truth(value: Any) -> bool:
    """Go's truth: false, 0, nil and everything of length 0 are false; a NaN is true."""
    if isinstance(value, Struct):
        return True
    if isinstance(value, float):
        return value != 0 or math.isnan(value)
    return bool(value)


def fits(value: Any, param: str) -> bool:
    """Whether a value may be passed where a function wants a type. An int constant is not handled here."""
    match param:
        case "any":
            return True
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float64":
            return isinstance(value, float)
        case "slice":
            return isinstance(value, list | tuple)
        case "map":
            return isinstance(value, Mapping)
        case _:
            return isinstance(value, Struct) and value.go_type == param
