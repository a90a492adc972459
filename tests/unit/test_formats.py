"""docs/formats/README.md names every format, page, twin and fuzz target, and every way of bytes into the core."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "docs" / "formats"
PAGE = (FORMATS / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Cells of the table that begins with `heading`."""
    lines = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def named(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_page_is_listed_and_everything_listed_exists() -> None:
    listed = {page for _, cell, *_ in rows("Format") for page in named(cell)}
    assert listed == {p.name for p in FORMATS.glob("*.md")} - {"README.md"}
    for _, _, twin, fuzz in rows("Format"):
        for path in named(twin) + named(fuzz):
            assert (ROOT / path).is_file(), path


def test_every_format_has_a_twin_and_a_fuzz_target_or_a_reason() -> None:
    for name, _, *cells in rows("Format"):
        for cell in cells:
            assert cell.startswith(("`", "none: ")), name


def test_every_fuzz_target_is_listed() -> None:
    targets = {f"core/fuzz/{p.name}" for p in (ROOT / "core" / "fuzz").glob("*.cpp")}
    of_values = {path for *_, cell in rows("Values") for path in named(cell)}
    assert of_values and of_values < targets
    for heading in ("Format", "Function"):
        listed = {path for *_, cell in rows(heading) for path in named(cell) if path.startswith("core")}
        assert listed == targets - of_values


def takers_of_bytes(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from takers_of_bytes(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            kinds = [ast.unparse(a.annotation) for a in node.args.args + node.args.kwonlyargs if a.annotation]
            if any(re.search(r"\bbytes\b", kind) for kind in kinds):
                yield prefix + node.name


def test_every_function_of_the_core_that_takes_bytes_is_fuzzed() -> None:
    stub = ast.parse((ROOT / "src/narthex/native/_core.pyi").read_text())
    listed = {name: target for cell, _, target in rows("Function") for name in named(cell)}
    assert set(listed) == set(takers_of_bytes(stub.body))
    assert [name for name, target in listed.items() if not named(target)] == ["wal_frame"]
