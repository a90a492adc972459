"""How promtool's commands fail and how they write a lot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec

from narthex.errors import NarthexError

P = ParamSpec("P")


def fallible(command: Callable[P, None]) -> Callable[P, int]:
    """Gives exit code 0, or prints the error that ended the command and gives 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read the output has enough. Python would complain once more when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except NarthexError as e:
            sys.stdout.flush()
            print(e, file=sys.stderr)
            return 1
        return 0

    return run


def write_pieces(pieces: Iterator[bytes]) -> None:
    """To standard output. Raises OSError."""
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
