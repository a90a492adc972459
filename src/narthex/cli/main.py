"""The command `narthex`: one subcommand for each program of the stack.

A subcommand's module is imported only when it runs, so that each process loads just its own part.
"""

from __future__ import annotations

from importlib import import_module

import click

from narthex import __version__

# name: (module, attribute, short help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "server": ("narthex.cli.server", "server", "Scrape, store, query and evaluate rules: a drop-in for prometheus."),
    "simulate": ("narthex.cli.simulate", "simulate", "Simulated LLM servers to monitor."),
    "up": ("narthex.cli.up", "up", "Run the whole stack on this machine."),
    "promqltest": ("narthex.cli.promqltest", "promqltest", "Run PromQL test scripts against the engine."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, _, short) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="narthex")
def main() -> None:
    """The Prometheus stack for people who run LLM serving."""
