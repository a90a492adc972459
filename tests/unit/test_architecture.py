from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ("ARCHITECTURE.md", "README.md", "CONTRIBUTING.md")
# What looks like a path of this repository: starts with one of its folders, or is a file at its top.
_PATH = re.compile(r"`((?:core|src|tests|ui|docs|benchmarks|cmake)(?:/[\w.*-]+)*/?|[A-Za-z]+\.(?:md|toml|txt))`")


@pytest.mark.parametrize("page", PAGES)
def test_every_path_a_page_names_exists(page: str) -> None:
    named = set(_PATH.findall((ROOT / page).read_text()))
    missing = [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))]
    assert not missing, f"{page} names what does not exist: {missing}"


def test_the_pages_name_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = sorted(p.parent.name for p in (ROOT / "src/narthex").glob("*/__init__.py"))
    assert [p for p in packages if f"`{p}`" not in text] == []


def test_no_source_file_outgrows_its_reader() -> None:
    sources = [
        p for pattern in ("src/**/*.py", "core/**/*.cpp", "core/**/*.h", "ui/src/**/*.ts*") for p in ROOT.glob(pattern)
    ]
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := p.read_text().count("\n")) > 600}
    assert long == {}
