"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The peers' own test data; tests that need it skip where it is absent."""
    path = Path(os.environ.get("NARTHEX_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
    if not path.is_dir():
        pytest.skip(f"no conformance data at {path} (set NARTHEX_CONFORMANCE)")
    return path
