"""The command line's entry."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from narthex.cli.main import COMMANDS, PROGRAMS, main


@pytest.mark.parametrize("name", sorted(PROGRAMS | COMMANDS))
def test_every_listed_command_can_be_loaded(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None and command.name == name


def test_help_lists_commands_without_importing_them() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, (_, short) in (PROGRAMS | COMMANDS).items():
        assert name in result.output and short.split(":")[0] in result.output
    code = "import sys, narthex.cli.main; print([m for m in sys.modules if m in ('aiohttp', 'numpy', 'pydantic')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(main, ["bogus"])
    assert result.exit_code == 2 and "bogus" in result.output
