"""Programs whose flags are read by `app.flags`, so that spelling, errors and exit codes are those of the peers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from narthex import __version__
from narthex.cli.imports import import_program
from narthex.errors import FlagError, WrongModeError


def program(name: str, module: str, help: str) -> click.Command:
    """The command for `module`, which has INTRO, FLAGS and run(flags) -> exit code; it is imported when it runs."""

    def command(arguments: tuple[str, ...]) -> None:
        sys.exit(_run(name, import_program(module), arguments))

    return click.Command(
        name,
        callback=command,
        help=help,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )


def _run(name: str, module: Any, arguments: Sequence[str]) -> int:
    from narthex.app.flag_help import help_text
    from narthex.app.flags import parse_flags

    run: Callable[[Any], int] = module.run
    if any(argument in ("-h", "--help", "--help-long") for argument in arguments):
        width = min(120, shutil.get_terminal_size().columns)
        click.echo(help_text(module.INTRO, module.FLAGS, width), nl=False)
        return 0
    if "--version" in arguments:
        click.echo(f"narthex {name}, version {__version__} (python {sys.version.split()[0]})")
        return 0
    try:
        flags = parse_flags(module.FLAGS, arguments)
    except FlagError as e:
        click.echo(f"Error parsing command line arguments: {e}", err=True)
        click.echo(f"Try `narthex {name} --help`.", err=True)
        return 3 if isinstance(e, WrongModeError) else 2
    return run(flags)
