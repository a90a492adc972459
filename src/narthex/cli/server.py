"""`narthex server`: the flags of `prometheus`, read by `app.flags` so that spelling, errors and exit codes agree."""

from __future__ import annotations

import shutil
import sys

import click

from narthex import __version__
from narthex.errors import FlagError, WrongModeError


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False, name="server"
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def server(arguments: tuple[str, ...]) -> None:
    """Scrape, store, query and evaluate rules: a drop-in for `prometheus`."""
    from narthex.app.flag_help import help_text
    from narthex.app.flag_table import SERVER_FLAGS
    from narthex.app.flags import parse_flags

    if any(argument in ("-h", "--help", "--help-long") for argument in arguments):
        click.echo(help_text(SERVER_FLAGS, min(120, shutil.get_terminal_size().columns)), nl=False)
        return
    if "--version" in arguments:
        click.echo(f"narthex, version {__version__} (python {sys.version.split()[0]})")
        return
    try:
        flags = parse_flags(SERVER_FLAGS, arguments)
    except FlagError as e:
        click.echo(f"Error parsing command line arguments: {e}", err=True)
        click.echo("Try `narthex server --help`.", err=True)
        sys.exit(3 if isinstance(e, WrongModeError) else 2)

    from narthex.app.server import run

    sys.exit(run(flags))
