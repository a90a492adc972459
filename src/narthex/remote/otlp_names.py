"""What OpenTelemetry's names of metrics, attributes and units become: metric names, label names, units.

Rules: OpenTelemetry's specification, "Prometheus and OpenMetrics compatibility", in the form that Prometheus 3.14 gives
it. A strategy decides two things: whether names are escaped to letters, digits and underscores, and whether metric
names get the unit and the type as suffixes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GAUGE, MONOTONIC_SUM, OTHER = "gauge", "monotonic sum", "other"
"""Kinds of metrics as far as their names go."""

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_NOT_IN_METRIC = re.compile(r"[^a-zA-Z0-9:]")
_BETWEEN_TOKENS = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_METRIC_OR_UNDERSCORE = re.compile(r"[^a-zA-Z0-9:_]+")
_NOT_IN_LABEL = re.compile(r"[^a-zA-Z0-9]")
_NOT_IN_LABEL_RUN = re.compile(r"[^a-zA-Z0-9]+")
_UNDERSCORES = re.compile(r"__+")


@dataclass(frozen=True)
class Naming:
    """`escape` and `suffixes` from the translation strategy, the rest from the section `otlp`."""

    escape: bool = True
    suffixes: bool = True
    sanitize_underscore: bool = True
    keep_underscores: bool = True

    def metric(self, name: str, unit: str, kind: str) -> str | None:
        """The name of a metric; None when nothing that can be one is left."""
        if not self.escape:
            return (_with_suffixes(name, unit, kind) if self.suffixes else name) or None
        made = _escaped_with_suffixes(name, unit, kind) if self.suffixes else _escaped(name)
        return made if made == name and made else made if made.strip("_") else None

    def label(self, key: str) -> str | None:
        """The name of an attribute's label; None when nothing but underscores is left."""
        made = key
        if self.escape and key:
            made = _label(key, self.keep_underscores)
            if made[0].isdigit():
                made = "key_" + made
            elif self.sanitize_underscore and made.startswith("_") and not made.startswith("__"):
                made = "key" + made
        return made if made.strip("_") else None


def unit_name(unit: str) -> str:
    """The unit in metadata and in the label __unit__: By/s becomes bytes_per_second."""
    parts = [part for part in map(_clean, _unit_suffixes(unit)) if part]
    return "_".join(parts).removeprefix("_").removesuffix("_")


def _unit_suffixes(unit: str) -> tuple[str, str]:
    """Of the unit before and after the slash; empty for what is in braces, which only says what is counted."""
    main, _, per = (part.strip() for part in unit.partition("/"))
    if "{" in main or "}" in main:
        main = ""
    if "{" in per or "}" in per:
        per = ""
    return _UNITS.get(main, main), f"per_{_PER_UNITS.get(per, per)}" if per else ""


def _clean(unit: str) -> str:
    return _UNDERSCORES.sub("_", _NOT_IN_METRIC.sub("_", unit)).removeprefix("_")


def _escaped(name: str) -> str:
    made = "_".join(part for part in _NOT_IN_METRIC_OR_UNDERSCORE.split(name) if part)
    return "_" + made if made[:1].isdigit() else made


def _escaped_with_suffixes(name: str, unit: str, kind: str) -> str:
    tokens = [token for token in _BETWEEN_TOKENS.split(name) if token]
    main, per = map(_clean, _unit_suffixes(unit))
    if main in tokens:
        main = ""
    per = "" if per == "per_" else per.removesuffix("_")
    if per in tokens:
        per = ""
    if per:
        main = main.removesuffix("_")
    tokens += [part for part in (main, per) if part]
    last = "total" if kind == MONOTONIC_SUM else "ratio" if kind == GAUGE and unit == "1" else ""
    if last:
        tokens = [token for token in tokens if token != last] + [last]
    made = "_".join(tokens)
    return "_" + made if made[:1].isdigit() else made


def _with_suffixes(name: str, unit: str, kind: str) -> str:
    """Of names that stay as they are: a suffix that is there already goes to the end."""
    main, per = _unit_suffixes(unit)
    last = "total" if kind == MONOTONIC_SUM else "ratio" if kind == GAUGE and unit == "1" else ""
    for suffix in (last, per):
        name = _without(name, suffix)
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join(part for part in (name, per, last) if part)


def _without(name: str, suffix: str) -> str:
    """Without the suffix and the character before it, whatever that is."""
    if suffix and name.endswith(suffix) and len(name) > len(suffix) + 1:
        return name[: -len(suffix) - 1]
    return name


def _label(key: str, keep_underscores: bool) -> str:
    if keep_underscores:
        return _NOT_IN_LABEL.sub("_", key)
    if len(key) >= 4 and key.startswith("__") and key.endswith("__"):
        return f"__{_NOT_IN_LABEL_RUN.sub('_', key[2:-2])}__"
    return _NOT_IN_LABEL_RUN.sub("_", key)
