from __future__ import annotations

import asyncio
import logging

import pytest

from narthex.tasks import Tasks


async def test_a_failing_task_is_logged_and_surfaced_while_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    tasks = Tasks("scrape", lambda name, error: seen.append(f"{name}: {error}"))
    alive = tasks.start("alive", asyncio.Event().wait())

    async def broken() -> None:
        raise ValueError("no such thing")

    with caplog.at_level(logging.ERROR):
        tasks.start("broken", broken())
        error = await tasks.failed()
    assert str(error) == "no such thing"
    assert seen == ["scrape/broken: no such thing"]
    assert "scrape/broken failed: no such thing" in caplog.text
    assert not alive.done()
    await tasks.stop()
    assert alive.cancelled()


async def test_stop_waits_for_what_a_task_does_on_its_way_out() -> None:
    closed: list[str] = []
    entered = asyncio.Event()

    async def work() -> None:
        try:
            entered.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            closed.append("closed")

    async with Tasks("x") as tasks:
        tasks.start("work", work())
        await entered.wait()
    assert closed == ["closed"]
    assert len(tasks) == 0


async def test_nothing_starts_after_stop() -> None:
    tasks = Tasks("x")
    await tasks.stop()
    with pytest.raises(RuntimeError, match="x is stopped: late cannot start"):
        tasks.start("late", asyncio.sleep(0))


async def test_a_single_task_can_be_cancelled() -> None:
    async with Tasks("x") as tasks:
        one = tasks.start("one", asyncio.Event().wait())
        other = tasks.start("other", asyncio.Event().wait())
        await tasks.cancel(one)
        assert one.cancelled()
        assert not other.done()
