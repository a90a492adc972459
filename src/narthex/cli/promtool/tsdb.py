"""`narthex promtool tsdb`: data directories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from narthex.cli.promtool.create_blocks import create_blocks_from
from narthex.cli.promtool.usage import CommandGroup

DEFAULT_PATH = "data/"
EVERYTHING = "{__name__=~'(?s:.*)'}"
_INT64 = click.IntRange(-(2**63), 2**63 - 1)
F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=CommandGroup)
def tsdb() -> None:
    """Look into data directories, dump and import samples."""


db_path = click.argument("path", metavar="[db path]", default=DEFAULT_PATH, type=click.Path(path_type=Path))


def _selection(command: F) -> F:
    """The flags that say what to dump."""
    for option in (
        click.option(
            "--match", multiple=True, default=(EVERYTHING,), metavar="SELECTOR", help="Series to dump; may be repeated."
        ),
        click.option("--max-time", type=_INT64, default=2**63 - 1, help="Last time to dump, in Unix milliseconds."),
        click.option("--min-time", type=_INT64, default=-(2**63), help="First time to dump, in Unix milliseconds."),
        click.option("--sandbox-dir-root", metavar="DIR", help="Accepted and not needed: reading writes nothing."),
        db_path,
    ):
        command = option(command)
    return command


@tsdb.command(name="list")
@click.option("-r", "--human-readable", is_flag=True, help="Print times and sizes for people.")
@db_path
def list_(human_readable: bool, path: Path) -> None:
    """List the blocks of a data directory."""
    from narthex.app.promtool.listing import list_blocks

    sys.exit(list_blocks(path, human_readable))


@tsdb.command()
@click.option("--limit", default=20, type=int, help="Most entries of each list.", show_default=True)
@click.option("--extended", is_flag=True, help="Also show how full chunks are.")
@click.option("--match", default="", metavar="SELECTOR", help="Analyze only these series.")
@db_path
@click.argument("block", metavar="[block id]", default="")
def analyze(limit: int, extended: bool, match: str, path: Path, block: str) -> None:
    """Show churn, cardinality and how well a block is compacted; of the last block unless one is named."""
    from narthex.app.promtool.analysis import analyze_block

    sys.exit(analyze_block(path, block, limit, extended, match))


@tsdb.command()
@click.option("--format", "format_", type=click.Choice(("prom", "seriesjson")), default="prom", show_default=True)
@_selection
def dump(
    path: Path, sandbox_dir_root: str | None, min_time: int, max_time: int, match: tuple[str, ...], format_: str
) -> None:
    """Print the samples of a data directory, a line each, or its series as JSON."""
    from narthex.app.promtool.dump import dump_samples, dump_series

    work = dump_series if format_ == "seriesjson" else dump_samples
    sys.exit(work(path, min_time, max_time, match))


@tsdb.command(name="dump-openmetrics")
@_selection
def dump_openmetrics(
    path: Path, sandbox_dir_root: str | None, min_time: int, max_time: int, match: tuple[str, ...]
) -> None:
    """Print the float samples of a data directory as OpenMetrics text."""
    from narthex.app.promtool.dump import dump_openmetrics

    sys.exit(dump_openmetrics(path, min_time, max_time, match))


tsdb.add_command(create_blocks_from)
