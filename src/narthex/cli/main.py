"""The command `narthex`: one subcommand for each program of the stack.

A subcommand's module is imported only when it runs, so that each process loads just its own part.
"""

from __future__ import annotations

import click

from narthex import __version__
from narthex.cli.imports import import_program
from narthex.cli.program import program

# Programs with the flags of the peer that they replace: name, module with INTRO, FLAGS and run, short help.
PROGRAMS: dict[str, tuple[str, str]] = {
    "server": ("narthex.app.server.main", "Scrape, store, query and evaluate rules: a drop-in for prometheus."),
    "alertmanager": ("narthex.app.alertmanager", "Group, route and notify alerts: a drop-in for alertmanager."),
    "node-exporter": ("narthex.app.node_exporter", "Expose host metrics: a drop-in for node_exporter."),
}
# Commands of our own: name, module that has a click command of that name, short help.
COMMANDS: dict[str, tuple[str, str]] = {
    "promqltest": ("narthex.cli.promqltest", "Run PromQL test scripts against the engine."),
    "promtool": ("narthex.cli.promtool.main", "Tools for data directories: a drop-in for promtool."),
    "simulate": ("narthex.cli.simulate", "Simulated LLM servers to monitor."),
    "up": ("narthex.cli.up", "Run the whole stack on this machine."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*PROGRAMS, *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in PROGRAMS:
            return program(cmd_name, *PROGRAMS[cmd_name])
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_program(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in (PROGRAMS | COMMANDS).items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="narthex")
def main() -> None:
    """The Prometheus stack for people who run LLM serving."""
