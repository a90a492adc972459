"""`narthex promtool tsdb create-blocks-from`: samples of other kinds become blocks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from narthex.cli.promtool.usage import CommandGroup, GoDuration, Moment

DEFAULT_OUTPUT = "data/"
F = TypeVar("F", bound=Callable[..., Any])


def _flags(command: F) -> F:
    """What all kinds have in common; may stand before or after the name of the kind."""
    for option in (
        click.option("--max-block-duration", "longest", type=GoDuration(), default="0s", hidden=True),
        click.option("-q", "--quiet", is_flag=True, help="Do not print created blocks."),
        click.option("-r", "--human-readable", is_flag=True, help="Print times and sizes for people."),
    ):
        command = option(command)
    return command


@click.group(name="create-blocks-from", cls=CommandGroup)
@_flags
@click.pass_context
def create_blocks_from(ctx: click.Context, /, **flags: Any) -> None:
    """Make blocks of samples from elsewhere."""
    ctx.obj = flags


def _kind(name: str, work: str, help: str) -> None:
    """Adds the command for one kind of file; `work` is its function in app.promtool.import_blocks."""

    @create_blocks_from.command(name=name, help=help)
    @click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label for all series; may repeat.")
    @click.argument("file", metavar="input file", type=click.Path(path_type=Path))
    @click.argument("output", metavar="[output directory]", default=DEFAULT_OUTPUT, type=click.Path(path_type=Path))
    @_flags
    @click.pass_obj
    def command(before: dict[str, Any], /, labels: tuple[str, ...], file: Path, output: Path, **flags: Any) -> None:
        from narthex.app.promtool import import_blocks

        options = import_blocks.ImportOptions(output, labels=label_map(labels), **_merged(before, flags))
        sys.exit(getattr(import_blocks, work)(file, options))


_kind("openmetrics", "import_openmetrics", "From OpenMetrics text. Every sample needs a timestamp; the order is free.")
# Beside the peer's: what VictoriaMetrics' /api/v1/export gives, by the names of its formats.
_kind("prometheus", "import_prometheus", "From Prometheus text with timestamps in milliseconds.")
_kind("jsonl", "import_jsonl", "From JSON lines of VictoriaMetrics: metric, values and timestamps.")


def _merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: after[name] or before[name] for name in before}


def label_map(pairs: tuple[str, ...]) -> dict[str, str]:
    out = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"expected KEY=VALUE got '{pair}'")
        out[name] = value
    return out


@create_blocks_from.command()
@click.option("--url", default="http://localhost:9090", show_default=True, help="Server that has the data.")
@click.option("--start", required=True, type=Moment(), help="First time: RFC 3339 or Unix seconds.")
@click.option("--end", type=Moment(), help="Last time. Default: three hours ago.")
@click.option("--output-dir", "output", default=DEFAULT_OUTPUT, show_default=True, type=click.Path(path_type=Path))
@click.option("--eval-interval", type=GoDuration(), default="60s", show_default=True, help="For groups without one.")
@click.argument("files", metavar="rule-files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@_flags
@click.pass_obj
def rules(
    before: dict[str, Any], /, url: str, start: int, end: int | None, output: Path, eval_interval: int,
    files: tuple[str, ...], **flags: Any,
) -> None:  # fmt: skip
    """From recording rules, asked of a server for a time that has passed."""
    from narthex.app.promtool.import_blocks import ImportOptions
    from narthex.app.promtool.import_rules import RuleImport, import_rules

    last = int(time.time() - 3 * 3600) * 1000 if end is None else end
    if last < start:
        raise click.UsageError("start time is not before end time")
    if eval_interval <= 0:
        raise click.UsageError("--eval-interval must be greater than 0")
    sys.exit(
        import_rules(
            RuleImport(files, url, start, last, eval_interval), ImportOptions(output, **_merged(before, flags))
        )
    )
