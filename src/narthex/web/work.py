"""What a request asks for, before it is decided where it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from narthex.web.context import Context
from narthex.web.parameters import Parameters
from narthex.web.reply import Reply


class Work(NamedTuple):
    """`quick` does it at once on the event loop, or gives None when it may take long; then `run` does it.

    Both raise the same errors.
    """

    quick: Callable[[], Reply | None]
    run: Callable[[], Awaitable[Reply]]


WorkHandler = Callable[[Context, Parameters], Work]
