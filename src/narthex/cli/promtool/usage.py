"""Groups of commands that tell of a wrong command line as promtool does: one line, exit code 1."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import click

from narthex.cli.imports import import_program
from narthex.model.rfc3339 import parse_rfc3339

HELP = {"help_option_names": ["-h", "--help"]}


class CommandGroup(click.Group):
    """A group without a callback of its own: a subcommand must be named."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"context_settings": HELP, "no_args_is_help": False, **kwargs})
        self.command_class = Command
        self.group_class = CommandGroup


class Command(click.Command):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"context_settings": HELP, **kwargs})


class GoDuration(click.ParamType[int]):
    """Go's notation, 1h30m or 1.5h; also Prometheus' units. Gives milliseconds."""

    name = "duration"
    _UNITS: ClassVar[Mapping[str, float]] = {
        "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7, "w": 6.048e8,
    }  # fmt: skip
    _PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)")

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        rest = text.removeprefix("+")
        parts = self._PART.findall(rest)
        if (rest != "0" and "".join(number + unit for number, unit in parts) != rest) or not rest:
            self.fail(f'time: invalid duration "{text}"', param, ctx)
        return round(sum(float(number) * self._UNITS[unit] for number, unit in parts))


class Moment(click.ParamType[int]):
    """RFC 3339 or Unix seconds. Gives milliseconds, cut to whole seconds as the peer does."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            return int(float(text)) * 1000
        except (ValueError, OverflowError):
            pass
        try:
            return int(parse_rfc3339(text)) * 1000
        except ValueError:
            self.fail(f'cannot parse "{text}" to a valid timestamp', param, ctx)


class Promtool(CommandGroup):
    """The outermost group. `families` are the modules of its subcommands, each with a command of that name."""

    families: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.families)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.families:
            return None
        command = getattr(import_program(self.families[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self.families.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as e:
            fail_usage(e)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as e:
            fail_usage(e)


def fail_usage(error: click.UsageError) -> NoReturn:
    click.echo(f"promtool: error: {_text(error)}, try --help", err=True)
    sys.exit(1)


def _text(error: click.UsageError) -> str:
    match error:
        case click.NoSuchOption():
            name = error.option_name
            return f"unknown long flag '{name}'" if name.startswith("--") else f"unknown short flag '{name}'"
        case click.MissingParameter(param=click.Option() as option):
            return f"required flag {option.opts[0]} not provided"
        case click.MissingParameter(param=click.Argument() as argument):
            return f"required argument '{argument.make_metavar(error.ctx or click.get_current_context())}' not provided"
        case click.BadParameter(param=click.Option() as option):
            return f"{option.opts[0]}: {error.message}"
    message = error.format_message()
    if message.startswith("Missing command"):
        path = error.ctx.command_path.partition("promtool ")[2] if error.ctx else ""
        return f"must select a subcommand of '{path}'" if path else "command not specified"
    if message.startswith("No such command"):
        name = message.removeprefix("No such command '").split("'")[0]
        return f'expected command but got "{name}"'
    if message.startswith("Got unexpected extra argument"):
        return "unexpected " + message.partition("(")[2].rstrip(")").split(" ")[0]
    return message.rstrip(".")
