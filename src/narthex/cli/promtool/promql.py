"""`promtool promql`: expressions as text, and what they take."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from narthex.app.promtool.explanation import Question, explain_query
from narthex.cli.promtool.usage import CommandGroup, GoDuration, Moment
from narthex.errors import MatcherError, PromQLError
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax import Expr, ParserOptions, parse_expr
from narthex.promql.syntax.edit import delete_matchers, set_matcher
from narthex.promql.syntax.prettier import prettify


@click.group(name="promql", cls=CommandGroup)
def promql() -> None:
    """Rewrite expressions (requires --experimental), or explain where a query's time goes."""


@promql.command()
@click.option("--server", default="http://localhost:9090", show_default=True, metavar="URL", help="The server to ask.")
@click.option("--time", "at", type=Moment(), help="When: RFC 3339 or Unix seconds. Default: now.")
@click.option("--start", type=Moment(), help="First time of a range query.")
@click.option("--end", type=Moment(), help="Last time of a range query.")
@click.option("--step", type=GoDuration(), help="Step of a range query, 30s for example.")
@click.argument("query")
def explain(query: str, server: str, at: int | None, start: int | None, end: int | None, step: int | None) -> None:
    """Run a query in a Narthex server and print time, samples and series of each of its parts."""
    if at is not None and step is not None:
        raise click.UsageError("--time is for a query at one time, --step for one over a range")
    sys.exit(explain_query(server, Question(query, at if step is None else end, start, step)))


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
