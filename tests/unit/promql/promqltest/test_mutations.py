"""A script whose expectations are changed must fail: shown on a sample of the evals of the conformance scripts."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from narthex.app.promqltest import run_files
from narthex.promql.promqltest.commands import Clear, Eval, ExpectedSeries, Load
from narthex.promql.promqltest.script import parse_script

A_KIND = 60
"""Mutations that are tried of each kind."""
_OPPOSITE = {"warn": "no_warn", "info": "no_info", "no_warn": "warn", "no_info": "info"}
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:e[+-]?[0-9]+)?")


def passes(tmp_path: Path, text: str) -> bool:
    path = tmp_path / "mutated.test"
    path.write_text(text)
    (report,) = run_files([path])
    return not report.error and report.verdicts[-1].passed


def blocks(text: str) -> Iterator[tuple[str, Eval, list[str]]]:
    """Each eval with the loads before it and its own lines."""
    lines = text.split("\n")
    loads: list[str] = []
    for command in parse_script(text):
        end = command.line
        while end < len(lines) and lines[end].strip() and not lines[end].strip().startswith("#"):
            end += 1
        own = lines[command.line - 1 : end]
        match command:
            case Clear():
                loads = []
            case Load():
                loads = [*loads, *own, ""]
            case Eval():
                yield "\n".join(loads), command, own


def mutations(command: Eval, lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(kind, changed lines) of one eval."""
    for series in command.series:
        at = series.line - command.line
        for kind, changed in changed_series(series, lines[at]):
            yield kind, [*lines[:at], *changed, *lines[at + 1 :]]
    for at, line in enumerate(lines[1:], 1):
        words = line.split()
        if command.scalar is not None and len(words) == 1 and _NUMBER.fullmatch(words[0]):
            yield "scalar", [*lines[:at], str(float(words[0]) + 1), *lines[at + 1 :]]
        if words[:2] == ["expect", "string"]:
            yield "string", [*lines[:at], 'expect string "not this"', *lines[at + 1 :]]
        elif words[0] == "expect" and len(words) > 2 and words[2].startswith(("msg:", "regex:")):
            yield f"{words[1]} text", [*lines[:at], f"{line}, not this", *lines[at + 1 :]]
        elif words[0] == "expect" and words[1] in _OPPOSITE and len(words) == 2:
            yield words[1], [*lines[:at], f"expect {_OPPOSITE[words[1]]}", *lines[at + 1 :]]
        elif words == ["expect", "fail"]:
            yield "fail", [*lines[:at], *lines[at + 1 :]]


def changed_series(series: ExpectedSeries, line: str) -> Iterator[tuple[str, list[str]]]:
    values = list(series.values)
    yield "missing series", []
    written = re.search(r"(?<=[ {])count:\S+", line)
    if written is not None:
        yield "histogram count", [f"{line[: written.start()]}count:987654{line[written.end() :]}"]
    if not all(v is None or (isinstance(v, float) and math.isfinite(v)) for v in values):
        return
    shown = ["_" if v is None else repr(v) for v in values]
    yield "label", [f"{series.labels.merged({'mutated': 'x'})} {' '.join(shown)}"]
    first = next((i for i, v in enumerate(values) if v is not None), None)
    if first is not None:
        value = values[first]
        assert isinstance(value, float)
        shown[first] = repr(value + 1 + abs(value) / 1000)
        yield "value", [f"{series.labels} {' '.join(shown)}"]


def test_changed_expectations_fail(conformance: Path, tmp_path: Path) -> None:
    found: dict[str, list[tuple[str, list[str], list[str]]]] = defaultdict(list)
    for path in sorted((conformance / "promqltest").glob("*.test")):
        for loads, command, lines in blocks(path.read_text()):
            for kind, changed in mutations(command, lines):
                found[kind].append((loads, lines, changed))
    tried = 0
    for kind, all_of_kind in sorted(found.items()):
        random.Random(kind).shuffle(all_of_kind)
        of_kind = 0
        for loads, lines, changed in all_of_kind[: 3 * A_KIND]:
            if of_kind == A_KIND:
                break
            if passes(tmp_path, f"{loads}\n" + "\n".join(lines)):
                assert not passes(tmp_path, f"{loads}\n" + "\n".join(changed)), (kind, changed)
                of_kind += 1
        tried += of_kind
    assert tried > 300
