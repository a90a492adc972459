"""Lists that come page by page, and many requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def all_pages(ask: Callable[[str], Awaitable[tuple[Sequence[T], str]]]) -> list[T]:
    """What all pages list: `ask` takes a token ("" at first) and gives a page and the next token ("" at the end)."""
    found: list[T] = []
    tokens = [""]
    while True:
        items, token = await ask(tokens[-1])
        found += items
        if token in tokens:
            return found
        tokens.append(token)


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
