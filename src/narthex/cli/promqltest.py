"""`narthex promqltest`."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(name="promqltest")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Print only the totals.")
@click.option("--file-summary", is_flag=True, help="Print a line for each file.")
def promqltest(files: tuple[Path, ...], quiet: bool, file_summary: bool) -> None:
    """Run PromQL test scripts against the engine.

    Prints each failing evaluation with its file, line and reason. Ends with the number of evaluations that passed
    and failed; exit code 1 when any failed.
    """
    from narthex.app.promqltest import run_files

    passed = failed = 0
    for report in run_files(list(files)):
        passed, failed = passed + report.passed, failed + report.failed
        if not quiet:
            for verdict in report.verdicts:
                if not verdict.passed:
                    click.echo(f"{report.path}:{verdict.line}: {verdict.reason}")
            if report.error:
                click.echo(report.error)
        if file_summary:
            click.echo(f"{report.path}: {report.passed} passed, {report.failed} failed")
    click.echo(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
