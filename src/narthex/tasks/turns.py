"""Long work on the event loop that lets others have their turn now and then."""

from __future__ import annotations

import asyncio


class Turns:
    """Call `take` after each piece: once `size` pieces are done, all else that is due goes first."""

    def __init__(self, size: int) -> None:
        self._size, self._done = size, 0

    async def take(self, pieces: int = 1) -> None:
        self._done += pieces
        if self._done >= self._size:
            self._done = 0
            await asyncio.sleep(0)
