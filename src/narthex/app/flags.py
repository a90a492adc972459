"""Command lines in the style of Prometheus: a table of flags, and the values that a command line gives them.

Each program has its table beside it. Booleans take `--x`, `--no-x` and `--x=true`; everything else takes `--x=value`
or `--x value`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from narthex.errors import FlagError, WrongModeError
from narthex.model.duration import format_duration, parse_duration
from narthex.model.size import format_size, parse_size


@dataclass(frozen=True)
class Flag:
    """One flag. `kind` is one of _KINDS; `mode` is "", "server" or "agent" (the mode in which it may be used).

    `inert` says why setting the flag changes nothing (yet); empty for a flag that works.
    """

    name: str
    kind: str
    default: str
    help: str
    group: str
    mode: str = ""
    hidden: bool = False
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    inert: str = ""


Value = str | bool | int | float


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise ValueError(f'not a boolean: "{text}" (use true or false)')


def _integer(text: str) -> int:
    value = float(text)
    if value != int(value):
        raise ValueError(f'not a whole number: "{text}"')
    return int(value)


_KINDS: dict[str, Callable[[str], Value]] = {
    "text": str,
    "choice": str,
    "bool": _boolean,
    "duration": parse_duration,
    "size": parse_size,
    "int": _integer,
    "float": float,
}


class Flags:
    """The value of every flag of a table, whether given or default. Asking for an unknown name is a KeyError."""

    def __init__(self, table: Sequence[Flag], given: dict[str, list[str]]) -> None:
        self._flags = {flag.name: flag for flag in table}
        self._given = given
        self._values: dict[str, list[Value]] = {}
        for flag in table:
            texts = given.get(flag.name) or ([flag.default] if flag.default or flag.kind in ("text", "choice") else [])
            self._values[flag.name] = [_convert(flag, text) for text in texts]

    def given(self, name: str) -> bool:
        """Whether the command line named the flag."""
        return name in self._given

    def text(self, name: str) -> str:
        return str(self._last(name, ""))

    def on(self, name: str) -> bool:
        return bool(self._last(name, False))

    def number(self, name: str) -> int:
        return int(self._last(name, 0))

    def ratio(self, name: str) -> float:
        return float(self._last(name, 0.0))

    def size(self, name: str) -> int:
        """Bytes."""
        return int(self._last(name, 0))

    def milliseconds(self, name: str) -> int:
        return int(self._last(name, 0))

    def seconds(self, name: str) -> float:
        return self.milliseconds(name) / 1000

    def texts(self, name: str) -> list[str]:
        """All values of a repeatable flag, in order."""
        return [str(value) for value in self._values[name]]

    def items(self, name: str) -> list[str]:
        """The parts of a comma-separated, repeatable flag."""
        return [part.strip() for text in self.texts(name) for part in text.split(",") if part.strip()]

    def shown(self) -> dict[str, str]:
        """Every flag with its value in Prometheus' notation, as /api/v1/status/flags shows it."""
        return {
            name: ",".join(_format(self._flags[name], value) for value in self._values[name])
            for name in sorted(self._values)
        }

    def inert(self) -> Iterable[tuple[str, str]]:
        """Flags the command line named although they change nothing, with the reason."""
        return [(name, self._flags[name].inert) for name in self._given if self._flags[name].inert]

    def _last(self, name: str, otherwise: Value) -> Value:
        values = self._values[name]
        return values[-1] if values else otherwise


def parse_flags(table: Sequence[Flag], arguments: Sequence[str]) -> Flags:
    """Reads a command line. Raises FlagError with Prometheus' wording, WrongModeError for a flag of the other mode."""
    by_name = {flag.name: flag for flag in table}
    given: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-":
            raise FlagError(f"unexpected {argument}")
        if not argument.startswith("--"):
            raise FlagError(f"unknown short flag '{argument[:2]}' (long flags take two dashes: -{argument})")
        name, has_value, value = argument[2:].partition("=")
        flag = by_name.get(name)
        negated = flag is None and name.startswith("no-") and (f := by_name.get(name[3:])) and f.kind == "bool"
        if negated:
            flag = by_name[name[3:]]
        if flag is None:
            raise FlagError(f"unknown long flag '--{name}'{_suggestion(name, by_name)}")
        if flag.kind == "bool":
            value = str(_checked_boolean(flag, value if has_value else "true") != bool(negated)).lower()
        elif not has_value:
            if not rest:
                raise FlagError(f"expected argument for flag '--{name}'")
            value = rest.pop(0)
        if flag.name in given and not flag.repeatable:
            raise FlagError(f"flag '{flag.name}' cannot be repeated")
        given.setdefault(flag.name, []).append(value)
    _check_mode(by_name, given)
    return Flags(table, given)


def _check_mode(by_name: dict[str, Flag], given: dict[str, list[str]]) -> None:
    agent = given.get("agent", ["false"])[-1] == "true"
    wrong = [f"--{name}" for name in given if by_name[name].mode == ("server" if agent else "agent")]
    if wrong:
        names = " ".join(f'"{name}"' for name in sorted(wrong))
        can = "can not" if agent else "can only"
        raise WrongModeError(f"The following flag(s) {can} be used in agent mode: [{names}]")


def _checked_boolean(flag: Flag, text: str) -> bool:
    return bool(_convert(flag, text))


def _convert(flag: Flag, text: str) -> Value:
    if flag.kind == "choice" and text not in flag.choices:
        raise FlagError(f'--{flag.name}: unrecognized value "{text}", must be one of {", ".join(flag.choices)}')
    try:
        return _KINDS[flag.kind](text)
    except (ValueError, OverflowError) as e:
        raise FlagError(f"--{flag.name}: {e}") from None


def _format(flag: Flag, value: Value) -> str:
    if flag.kind == "bool":
        return str(value).lower()
    if flag.kind == "duration":
        return format_duration(int(value))
    return format_size(int(value)) if flag.kind == "size" else str(value)


def _suggestion(name: str, by_name: dict[str, Flag]) -> str:
    close = get_close_matches(name.removeprefix("no-"), [n for n, f in by_name.items() if not f.hidden], n=1)
    return f", did you mean --{close[0]}?" if close else ""
