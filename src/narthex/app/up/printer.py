"""What `narthex up` prints: one terminal for everything that runs."""

from __future__ import annotations

import sys

_COLORS = {"server": 36, "alertmanager": 35, "node": 34, "llm": 33, "receiver": 32}


class Printer:
    """Lines of all parts, each with its name; colours only on a terminal."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._color = sys.stdout.isatty()

    def child(self, name: str, line: str) -> None:
        """What a part logs: warnings and errors, or everything when verbose."""
        if self._verbose or "level=WARN" in line or "level=ERROR" in line or "Error" in line:
            self.say(name, line)

    def say(self, name: str, line: str) -> None:
        label = f"{name:>12} | "
        if self._color:
            label = f"\x1b[{_COLORS.get(name, 37)}m{label}\x1b[0m"
        print(label + line, flush=True)
