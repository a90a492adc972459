"""The functions that every Go template has. `and` and `or` are known here but evaluated lazily by the evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from narthex.errors import TemplateError
from narthex.template.printing import show, sprint, sprintf, sprintln
from narthex.template.values import AnyMap, Function, Struct, truth, type_name

LAZY = ("and", "or")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"})
_JS = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
)


def escape_html(text: str) -> str:
    return text.translate(_HTML)


def escape_js(text: str) -> str:
    """For a quoted string in JavaScript. Control and unprintable characters become \\uXXXX."""
    out = text.translate(_JS)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04X}" for c in out)


def escape_query(text: str) -> str:
    """For a query string: a space becomes a plus."""
    return quote_plus(text, safe="", errors="replace")


def _joined(args: tuple[Any, ...]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(args)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass"))
    if isinstance(value, Mapping | list | tuple):
        return len(value)
    raise TemplateError("len of nil pointer" if value is None else f"len of type {type_name(value)}")


def _position(value: Any, length: int, *, end: bool = False) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"cannot index slice/array with type {type_name(value)}")
    if not 0 <= value < length + end:
        raise TemplateError(f"index out of range: {value}")
    return value


def _index(item: Any, *keys: Any) -> Any:
    for key in keys:
        match item:
            case None:
                raise TemplateError("index of untyped nil" if key is keys[0] else "index of nil pointer")
            case Mapping():
                if not isinstance(key, str):
                    raise TemplateError(f"value has type {type_name(key)}; should be string")
                item = look_up(item, key)
            case str():
                data = item.encode(errors="surrogatepass")
                item = data[_position(key, len(data))]
            case list() | tuple():
                item = item[_position(key, len(item))]
            case _:
                raise TemplateError(f"can't index item of type {type_name(item)}")
    return item


def look_up(mapping: Mapping[str, Any], key: str) -> Any:
    """A map's value, or the zero value of its value type."""
    if key in mapping:
        return mapping[key]
    return None if isinstance(mapping, AnyMap) else ""


def _slice(item: Any, *bounds: Any) -> Any:
    if not isinstance(item, str | list | tuple):
        raise TemplateError("slice of untyped nil" if item is None else f"can't slice item of type {type_name(item)}")
    if len(bounds) > (2 if isinstance(item, str) else 3):
        kind = "cannot 3-index slice a string" if isinstance(item, str) else f"too many slice indexes: {len(bounds)}"
        raise TemplateError(kind)
    data: Any = item.encode(errors="surrogatepass") if isinstance(item, str) else item
    places = [_position(b, len(data), end=True) for b in bounds]
    start, stop = places[0] if places else 0, places[1] if len(places) > 1 else len(data)
    if start > stop:
        raise TemplateError(f"invalid slice index: {start} > {stop}")
    part = data[start:stop]
    return part.decode(errors="replace") if isinstance(item, str) else list(part)


def _call(function: Any, *args: Any) -> Any:
    if not callable(function):
        raise TemplateError(
            "call of nil" if function is None else f"non-function {show(function)} of type {type_name(function)}"
        )
    return function(*args)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case None:
            return "nil"
        case Struct():
            return "struct"
        case _:
            raise TemplateError(f"non-comparable type {show(value)}: {type_name(value)}")


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    kind = _kind(first)
    for other in others:
        other_kind = _kind(other)
        if kind != other_kind and "nil" not in (kind, other_kind):
            raise TemplateError("incompatible types for comparison")
        if kind == other_kind and first == other:
            return True
    return False


def _not_equal(first: Any, other: Any) -> bool:
    return not _equal(first, other)


def _less(first: Any, other: Any) -> bool:
    kind = _kind(first)
    if kind in ("bool", "nil", "struct"):
        raise TemplateError("invalid type for comparison")
    if kind != _kind(other):
        raise TemplateError("incompatible types for comparison")
    return bool(first < other)


def _less_or_equal(first: Any, other: Any) -> bool:
    return _less(first, other) or _equal(first, other)


def _never(*_args: Any) -> Any:
    raise TemplateError("and/or are evaluated lazily")


BUILTINS: Mapping[str, Function] = {
    "and": Function(_never, ("any", "...any")),
    "or": Function(_never, ("any", "...any")),
    "not": Function(lambda value: not truth(value), ("any",)),
    "len": Function(_length, ("any",)),
    "index": Function(_index, ("any", "...any")),
    "slice": Function(_slice, ("any", "...any")),
    "print": Function(lambda *args: sprint(args)),
    "printf": Function(lambda text, *args: sprintf(text, args), ("string", "...any")),
    "println": Function(lambda *args: sprintln(args)),
    "html": Function(lambda *args: escape_html(_joined(args))),
    "js": Function(lambda *args: escape_js(_joined(args))),
    "urlquery": Function(lambda *args: escape_query(_joined(args))),
    "call": Function(_call, ("any", "...any")),
    "eq": Function(_equal, ("any", "...any")),
    "ne": Function(_not_equal, ("any", "any")),
    "lt": Function(_less, ("any", "any")),
    "le": Function(_less_or_equal, ("any", "any")),
    "gt": Function(lambda a, b: not _less_or_equal(a, b), ("any", "any")),
    "ge": Function(lambda a, b: not _less(a, b), ("any", "any")),
}
