"""The group `promtool`: its families of subcommands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from narthex import __version__
from narthex.app.logging import set_up_logging
from narthex.cli.promtool.usage import Promtool


class _Main(Promtool):
    families: ClassVar[Mapping[str, tuple[str, str]]] = {
        "promql": ("narthex.cli.promtool.promql", "Rewrite expressions, explain queries."),
        "tsdb": ("narthex.cli.promtool.tsdb", "Look into data directories, dump and import samples."),
    }


@click.group(cls=_Main)
@click.version_option(__version__, prog_name="narthex promtool")
@click.option("--experimental", is_flag=True, help="Enable experimental commands.")
@click.option("--enable-feature", multiple=True, metavar="NAMES", help="Features of PromQL to turn on, by commas.")
def promtool(experimental: bool, enable_feature: tuple[str, ...]) -> None:
    """Tools for files and servers of the stack: a drop-in for promtool."""
    set_up_logging("warn", "logfmt")
