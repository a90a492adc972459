"""Functions that Prometheus gives to the templates of alerts and consoles."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from narthex.errors import MatcherError, TemplateError
from narthex.model.duration import parse_duration
from narthex.model.number import go_float
from narthex.model.regex import replace_all, search
from narthex.template.builtins import escape_query
from narthex.template.gotime import SECOND, GoDuration, GoTime
from narthex.template.values import AnyMap, Function, HtmlText, Struct

if TYPE_CHECKING:
    from narthex.template.evaluator import Evaluator

Query = Callable[[str], Sequence["QuerySample"]]
_ABOVE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_BELOW = ("m", "u", "n", "p", "f", "a", "z", "y")


@dataclass(frozen=True)
class QuerySample(Struct):
    """One element of what `query` gives. `labels` has no default entries; __value__ holds a string sample's text."""

    labels: Mapping[str, str]
    value: float
    go_type: ClassVar[str] = "*template.sample"
    go_fields: ClassVar[Mapping[str, str]] = {"Labels": "labels", "Value": "value"}


def to_float(value: Any) -> float:
    """What humanize and its kin accept: numbers, text of a number, durations (seconds)."""
    match value:
        case GoDuration():
            return value.ns / SECOND
        case bool() | None:
            raise TemplateError(f"can't convert {value} to float")
        case int() | float():
            return float(value)
        case str():
            try:
                if value != value.strip() or "_" in value:
                    raise ValueError
                return float(value)
            except ValueError:
                raise TemplateError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None
        case _:
            raise TemplateError(f"can't convert {type(value).__name__} to float")


def _short(value: float) -> str:
    return go_float(value, "g", 4)


def _scaled(value: float, prefixes: Sequence[str], base: float) -> str:
    prefix = ""
    for p in prefixes:
        if abs(value) < base:
            break
        prefix = p
        value /= base
    return _short(value) + prefix


def _small(value: float) -> str:
    prefix = ""
    for p in _BELOW:
        if abs(value) >= 1:
            break
        prefix = p
        value *= 1000
    return _short(value) + prefix


def humanize(value: Any) -> str:
    """Four significant digits and a metric prefix: 1234567 -> 1.235M."""
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return _short(number)
    return _scaled(number, _ABOVE, 1000) if abs(number) >= 1 else _small(number)


def humanize1024(value: Any) -> str:
    """Four significant digits and a binary prefix: 1536 -> 1.5ki."""
    number = to_float(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _short(number)
    return _scaled(number, _BINARY, 1024)


def humanize_duration(value: Any) -> str:
    """Seconds in days, hours, minutes, seconds; below a second with a metric prefix."""
    number = to_float(value)
    if not math.isfinite(number):
        return _short(number)
    if number == 0:
        return f"{_short(number)}s"
    if abs(number) < 1:
        return f"{_small(number)}s"
    sign = "-" if number < 0 else ""
    whole = int(abs(number))
    days, hours, minutes, seconds = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{_short(number)}s"


def humanize_percentage(value: Any) -> str:
    """A ratio as a percentage: 0.1234 -> 12.34%."""
    return f"{_short(to_float(value) * 100)}%"


def humanize_timestamp(value: Any) -> str:
    """Unix seconds as a UTC time."""
    number = to_float(value)
    return _instant(number).go_string() if math.isfinite(number) else _short(number)


def _instant(seconds: float) -> GoTime:
    """Cut, not rounded, to milliseconds."""
    if not abs(seconds) < 2**63 / SECOND:
        raise TemplateError(
            f"{go_float(seconds)} cannot be represented as a nanoseconds timestamp since it overflows int64"
        )
    return GoTime(int(seconds * 1000) * 1_000_000)


def _to_time(value: Any) -> GoTime:
    return _instant(to_float(value))


def _to_duration(value: Any) -> GoDuration:
    number = to_float(value)
    if not abs(number) < 2**63 / SECOND:
        raise TemplateError(f"{_short(number)} is not a duration")
    return GoDuration(round(number * SECOND))


def _parse_duration(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as e:
        raise TemplateError(str(e)) from None


def match(pattern: str, text: str) -> bool:
    """Whether the unanchored RE2 pattern occurs in the text."""
    try:
        return search(pattern, text)
    except MatcherError as e:
        raise TemplateError(str(e)) from None


def re_replace_all(pattern: str, replacement: str, text: str) -> str:
    """Every match of the unanchored RE2 pattern replaced; $1 and ${name} stand for groups."""
    try:
        return replace_all(pattern, replacement, text)
    except MatcherError as e:
        raise TemplateError(str(e)) from None


def title(text: str) -> str:
    """Upper-cases the first letter of each word and leaves the rest alone."""
    out: list[str] = []
    previous = " "
    for ch in text:
        starts = previous.isspace() or (previous.isascii() and not previous.isalnum() and previous not in "_")
        out.append(ch.title() if starts else ch)
        previous = ch
    return "".join(out)


def _split_port(address: str) -> tuple[str, str] | None:
    """Host and port as Go's net.SplitHostPort splits them, or None when there is no port."""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        return (host, rest[1:]) if bracket and rest.startswith(":") and ":" not in rest[1:] else None
    if address.count(":") != 1 or any(c in address for c in "[]"):
        return None
    host, _, port = address.partition(":")
    return host, port


def strip_port(address: str) -> str:
    split = _split_port(address)
    return address if split is None else split[0]


def strip_domain(address: str) -> str:
    """The first name of a host, its port kept; addresses stay whole."""
    split = _split_port(address)
    host = address if split is None else split[0]
    try:
        ipaddress.ip_address(host)
        return address
    except ValueError:
        pass
    short = host.split(".", 1)[0]
    return short if split is None else f"{short}:{split[1]}"


def _first(samples: Sequence[Any]) -> Any:
    if not samples:
        raise TemplateError("first() called on vector with no elements")
    return samples[0]


def _label(name: str, sample: QuerySample) -> str:
    return sample.labels.get(name, "")


def _sort_by_label(name: str, samples: Sequence[Any]) -> list[Any]:
    return sorted(samples, key=lambda s: _label(name, s))


def _args(*values: Any) -> AnyMap:
    return AnyMap({f"arg{i}": v for i, v in enumerate(values)})


def _render(evaluator: Evaluator, name: str, data: Any) -> HtmlText:
    return HtmlText(evaluator.render(name, data))


def graph_link(expression: str) -> str:
    return f"/graph?g0.expr={escape_query(expression)}&g0.tab=0"


def table_link(expression: str) -> str:
    """Path and query of the page that shows the expression as a table; what generatorURL of alerts points to."""
    return f"/graph?g0.expr={escape_query(expression)}&g0.tab=1"


_PURE: Mapping[str, Function] = {
    "first": Function(_first, ("slice",)),
    "label": Function(_label, ("string", "*template.sample")),
    "value": Function(lambda sample: sample.value, ("*template.sample",)),
    "strvalue": Function(lambda sample: _label("__value__", sample), ("*template.sample",)),
    "sortByLabel": Function(_sort_by_label, ("string", "slice")),
    "args": Function(_args),
    "tmpl": Function(_render, ("string", "any"), wants_evaluator=True),
    "safeHtml": Function(HtmlText, ("string",)),
    "match": Function(match, ("string", "string")),
    "reReplaceAll": Function(re_replace_all, ("string", "string", "string")),
    "title": Function(title, ("string",)),
    "toUpper": Function(str.upper, ("string",)),
    "toLower": Function(str.lower, ("string",)),
    "graphLink": Function(graph_link, ("string",)),
    "tableLink": Function(table_link, ("string",)),
    "stripPort": Function(strip_port, ("string",)),
    "stripDomain": Function(strip_domain, ("string",)),
    "humanize": Function(humanize, ("any",)),
    "humanize1024": Function(humanize1024, ("any",)),
    "humanizeDuration": Function(humanize_duration, ("any",)),
    "humanizePercentage": Function(humanize_percentage, ("any",)),
    "humanizeTimestamp": Function(humanize_timestamp, ("any",)),
    "toTime": Function(_to_time, ("any",)),
    "toDuration": Function(_to_duration, ("any",)),
    "parseDuration": Function(_parse_duration, ("string",)),
    "urlQueryEscape": Function(escape_query, ("string",)),
}


def prometheus_functions(query: Query, now: float, external_url: str) -> dict[str, Function]:
    """The whole table. `query` evaluates an expression at the template's time; `now` is that time in Unix seconds."""
    path = urlsplit(external_url).path.rstrip("/")
    return {
        **_PURE,
        "query": Function(lambda text: list(query(text)), ("string",)),
        "now": Function(lambda: now, ()),
        "pathPrefix": Function(lambda: path, ()),
        "externalURL": Function(lambda: external_url, ()),
    }
