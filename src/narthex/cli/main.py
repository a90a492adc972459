"""The command `narthex`: one subcommand for each program of the stack. Subcommands import their parts when they run."""

from __future__ import annotations

import click

from narthex import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="narthex")
def main() -> None:
    """The Prometheus stack for people who run LLM serving."""
