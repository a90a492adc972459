"""The text of `narthex PROGRAM --help`: flags in groups, with defaults, wrapped to the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from narthex.app.flags import Flag

_COLUMN = 34


def help_text(intro: str, table: Sequence[Flag], width: int = 100) -> str:
    """`intro` first. Visible flags only, in the table's order. Ends with a newline."""
    out = [intro]
    for group in dict.fromkeys(flag.group for flag in table if not flag.hidden):
        note = " (with --agent)" if group.startswith("Agent") else ""
        out.append(f"{group}{note}:")
        for flag in table:
            if flag.group == group and not flag.hidden:
                out.extend(_entry(flag, width))
        out.append("")
    out.append("Others:")
    out.append("  -h, --help".ljust(_COLUMN) + "Show this text.")
    out.append("  --version".ljust(_COLUMN) + "Show the version.")
    return "\n".join(out) + "\n"


def _entry(flag: Flag, width: int) -> list[str]:
    name = f"  --[no-]{flag.name}" if flag.kind == "bool" else f"  --{flag.name}={_placeholder(flag)}"
    text = flag.help + (f" [{flag.inert}]" if flag.inert else "")
    lines = textwrap.wrap(text, max(20, width - _COLUMN))
    if len(name) < _COLUMN - 1:
        return [name.ljust(_COLUMN) + lines[0], *(" " * _COLUMN + line for line in lines[1:])]
    return [name, *(" " * _COLUMN + line for line in lines)]


def _placeholder(flag: Flag) -> str:
    if flag.kind in ("text", "choice"):
        return f'"{flag.default}"' if flag.default and len(flag.name + flag.default) < 90 else "..."
    return flag.default
