"""`promtool promql`: expressions as text."""

from __future__ import annotations

import sys

import click

from narthex.cli.promtool.usage import CommandGroup
from narthex.errors import PromQLError
from narthex.promql.syntax import ParserOptions, parse_expr
from narthex.promql.syntax.prettier import prettify


@click.group(name="promql", cls=CommandGroup)
def promql() -> None:
    """Rewrite expressions. Requires --experimental."""


@promql.command(name="format")
@click.argument("query")
@click.pass_context
def format_query(context: click.Context, query: str) -> None:
    """Print an expression as the prettifier writes it."""
    flags = context.parent.parent.params if context.parent and context.parent.parent else {}
    if not flags.get("experimental"):
        click.echo("This command is experimental and requires the --experimental flag to be set.", err=True)
        sys.exit(1)
    features = {name for names in flags.get("enable_feature", ()) for name in names.split(",")}
    try:
        click.echo(prettify(parse_expr(query, ParserOptions.of_features(features))))
    except PromQLError as e:
        click.echo(str(e), err=True)
        sys.exit(1)
