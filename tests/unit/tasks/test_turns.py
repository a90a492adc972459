from __future__ import annotations

import asyncio

from narthex.tasks.turns import Turns


async def test_others_have_their_turn_after_so_many_pieces() -> None:
    seen: list[str] = []

    async def other() -> None:
        while True:
            seen.append("other")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    turns = Turns(3)
    for i in range(7):
        seen.append(str(i))
        await turns.take()
    await turns.take(5)
    task.cancel()
    assert seen == ["0", "1", "2", "other", "3", "4", "5", "other", "6", "other"]
