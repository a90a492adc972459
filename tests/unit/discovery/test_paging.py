from __future__ import annotations

from itertools import count

import pytest

from narthex.discovery.paging import MOST_PAGES, all_pages, numbered_pages
from narthex.errors import HTTPClientError


async def test_pages_are_asked_for_by_the_token_of_the_page_before() -> None:
    pages = {"": ([1, 2], "a"), "a": ([], "b"), "b": ([3], "")}

    async def ask(token: str) -> tuple[list[int], str]:
        return pages[token]

    assert await all_pages(ask) == [1, 2, 3]


async def test_a_token_that_leads_back_is_a_failure() -> None:
    pages = {"": ([1], "a"), "a": ([2], "b"), "b": ([3], "a")}

    async def ask(token: str) -> tuple[list[int], str]:
        return pages[token]

    with pytest.raises(HTTPClientError, match="does not end after 3 pages"):
        await all_pages(ask)


async def test_pages_that_never_end_are_a_failure() -> None:
    numbers = count(1)

    async def ask(_: str) -> tuple[list[int], str]:
        return [], str(next(numbers))

    with pytest.raises(HTTPClientError, match=f"does not end after {MOST_PAGES} pages"):
        await all_pages(ask)
    assert next(numbers) == MOST_PAGES + 1


async def test_numbered_pages_end_with_the_last_or_with_an_empty_one() -> None:
    asked: list[int] = []

    async def three(number: int) -> tuple[list[int], bool]:
        asked.append(number)
        return [number], number < 3

    async def empty(number: int) -> tuple[list[int], bool]:
        return [number] if number < 3 else [], True

    assert await numbered_pages(three) == [1, 2, 3]
    assert asked == [1, 2, 3]
    assert await numbered_pages(empty) == [1, 2]
