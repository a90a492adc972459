"""Lists that come page by page, and many requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from narthex.errors import HTTPClientError

T = TypeVar("T")
R = TypeVar("R")


MOST_PAGES = 10_000
"""More are taken for an answer that goes on for ever."""


async def all_pages(ask: Callable[[str], Awaitable[tuple[Sequence[T], str]]]) -> list[T]:
    """What all pages list: `ask` takes a token ("" at first) and gives a page and the next token ("" at the end).

    Raises HTTPClientError when the pages do not end: a token leads back, or they are too many.
    """
    found: list[T] = []
    token, asked = "", set[str]()
    while token not in asked and len(asked) < MOST_PAGES:
        asked.add(token)
        items, token = await ask(token)
        found += items
        if not token:
            return found
    raise HTTPClientError(f"the answer does not end after {len(asked)} pages")


async def numbered_pages(ask: Callable[[int], Awaitable[tuple[Sequence[T], bool]]]) -> list[T]:
    """As `all_pages`, where `ask` takes 1, 2 ... and says whether a page follows. An empty one is the last."""

    async def page(token: str) -> tuple[Sequence[T], str]:
        number = int(token or 1)
        items, more = await ask(number)
        return items, str(number + 1) if more and items else ""

    return await all_pages(page)


async def at_most(limit: int, ask: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """`ask` for each item, so many at a time; in the items' order. The first failure ends it."""
    gate = asyncio.Semaphore(max(1, limit))

    async def one(item: T) -> R:
        async with gate:
            return await ask(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
