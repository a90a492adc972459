"""docs/discovery.md is kept true: what it says of keys, roles, intervals and extras is what the sections are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from narthex.config.sd import cloud, cluster, hosters, plain
from narthex.config.sd.base import SDConfig
from narthex.discovery.mechanisms import BUILT_IN, MECHANISMS
from narthex.model.duration import format_duration

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "discovery.md").read_text()
ROWS = {
    key.strip("` "): cells
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for key, *cells in [[cell.strip() for cell in line.strip("| ").split(" | ")]]
}
"""Key -> the cells after it: what is found, roles, interval, where the keys are, what is needed."""

SECTIONS = {
    value.mechanism: value
    for module in (cloud, cluster, hosters, plain)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, SDConfig) and "mechanism" in vars(value)
}


def named(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def roles(section: type[SDConfig]) -> list[str]:
    """As the mistake for a role that there is not lists them."""
    field = section.model_fields.get("role")
    if field is None:
        return []
    (check,) = field.metadata
    with pytest.raises(ValueError, match="use one of ") as refused:
        check.func("?")
    return str(refused.value).partition("use one of ")[2].split(", ")


def test_every_mechanism_is_listed_and_no_other() -> None:
    listed = {f"{name}_sd_configs" for name in (*MECHANISMS, *BUILT_IN) if name != "static"} | {"static_configs"}
    assert set(ROWS) == listed
    assert len(SECTIONS) == len(listed)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_row_has_the_roles_the_interval_and_the_module_of_its_section(name: str) -> None:
    section = SECTIONS[name]
    _, listed_roles, interval, where, _ = ROWS["static_configs" if name == "static" else f"{name}_sd_configs"]
    assert named(listed_roles) == roles(section)
    refresh = section.model_fields.get("refresh_interval")
    assert named(interval) == ([] if refresh is None else [format_duration(refresh.default)])
    assert named(where) == [f"src/{section.__module__.replace('.', '/')}.py"]


def test_the_extras_that_are_named_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {extra for *_, needs in ROWS.values() for extra in re.findall(r"narthex\[(\w+)\]", needs)}
    assert needed == {"cloud", "zookeeper"}
    assert needed <= set(extras)
