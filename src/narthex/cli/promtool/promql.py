"""`promtool promql`: expressions as text."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from narthex.cli.promtool.usage import CommandGroup
from narthex.errors import MatcherError, PromQLError
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax import Expr, ParserOptions, parse_expr
from narthex.promql.syntax.edit import delete_matchers, set_matcher
from narthex.promql.syntax.prettier import prettify


@click.group(name="promql", cls=CommandGroup)
def promql() -> None:
    """Rewrite expressions. Requires --experimental."""


@promql.command(name="format")
@click.argument("query")
@click.pass_context
def format_query(context: click.Context, query: str) -> None:
    """Print an expression as the prettifier writes it."""
    _print_changed(context, query, lambda expr: expr)


@promql.group(name="label-matchers", cls=CommandGroup)
def label_matchers() -> None:
    """Edit the label matchers of an expression. Requires --experimental."""


@label_matchers.command(name="set")
@click.option(
    "-t", "--type", "kind", type=click.Choice([kind.value for kind in MatchType]), default="=", help="Its type."
)
@click.argument("query")
@click.argument("name")
@click.argument("value")
@click.pass_context
def set_label_matcher(context: click.Context, query: str, name: str, value: str, kind: str) -> None:
    """Set a label matcher in every selector of an expression."""
    _print_changed(context, query, lambda expr: set_matcher(expr, Matcher(MatchType(kind), name, value)))


@label_matchers.command(name="delete")
@click.argument("query")
@click.argument("name")
@click.pass_context
def delete_label_matchers(context: click.Context, query: str, name: str) -> None:
    """Delete the matchers on a label from every selector of an expression."""
    _print_changed(context, query, lambda expr: delete_matchers(expr, name))


def _print_changed(context: click.Context, query: str, change: Callable[[Expr], Expr]) -> None:
    """Prints the expression after a change, or what is wrong with it (exit code 1)."""
    outer: click.Context | None = context
    while outer is not None and "experimental" not in outer.params:
        outer = outer.parent
    flags = outer.params if outer is not None else {}
    if not flags.get("experimental"):
        click.echo("This command is experimental and requires the --experimental flag to be set.", err=True)
        sys.exit(1)
    features = {name for names in flags.get("enable_feature", ()) for name in names.split(",")}
    try:
        click.echo(prettify(change(parse_expr(query, ParserOptions.of_features(features)))))
    except (PromQLError, MatcherError) as e:
        click.echo(str(e), err=True)
        sys.exit(1)
