from __future__ import annotations

import subprocess
import sys

import pytest

from narthex.discovery.mechanisms import MECHANISMS, mechanism


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_each_entry_of_the_registry_leads_to_something_that_makes_providers(name: str) -> None:
    assert callable(mechanism(name))


def test_the_registry_imports_no_mechanism_that_is_not_configured() -> None:
    code = "import sys, narthex.discovery; print([m for m in sys.modules if m == 'narthex.discovery.dns'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
