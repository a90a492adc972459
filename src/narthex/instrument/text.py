"""The text exposition format 0.0.4, written from families of samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from narthex.model.number import format_float

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Name (a family's name, perhaps with a suffix), label pairs, value.
Sample = tuple[str, tuple[tuple[str, str], ...], float]


class Family(NamedTuple):
    """One metric with its samples; `type` is counter, gauge, histogram, summary or untyped."""

    name: str
    help: str
    type: str
    samples: Iterable[Sample]


def write_text(families: Iterable[Family]) -> bytes:
    """The body of a /metrics answer: families sorted by name, those without samples left out."""
    out: list[str] = []
    for family in sorted(families, key=lambda f: f.name):
        lines = [_line(sample) for sample in family.samples]
        if lines:
            help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
            out.append(f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.type}\n")
            out.extend(lines)
    return "".join(out).encode()


def _line(sample: Sample) -> str:
    name, labels, value = sample
    if not labels:
        return f"{name} {format_float(value)}\n"
    text = ",".join(f'{n}="{_escape(v)}"' for n, v in labels)
    return f"{name}{{{text}}} {format_float(value)}\n"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
