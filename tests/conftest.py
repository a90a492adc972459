"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: examples have no deadline. In CI the examples are the same every time, so that a landing
# fails only for what it changed; elsewhere each run looks at new ones.
settings.register_profile(
    "narthex",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
settings.load_profile("narthex")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The peers' own test data; tests that need it skip where it is absent."""
    path = Path(os.environ.get("NARTHEX_CONFORMANCE", ROOT.parent / "shared" / "conformance"))
    if not path.is_dir():
        pytest.skip(f"no conformance data at {path} (set NARTHEX_CONFORMANCE)")
    return path
