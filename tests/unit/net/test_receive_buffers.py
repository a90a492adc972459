from __future__ import annotations

import resource
from pathlib import Path

from narthex.net.receive_buffers import MOST_SPARE, MOST_SPARE_BYTES, SIZE, give_buffer, larger_buffer, take_buffer


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_the_buffer_that_was_given_back_last_is_taken_first() -> None:
    first, second = take_buffer(), take_buffer()
    give_buffer(first)
    give_buffer(second)
    assert take_buffer() is second
    assert take_buffer() is first


def test_few_and_small_buffers_are_kept() -> None:
    taken = [take_buffer() for _ in range(MOST_SPARE + 2)]
    for buffer in taken:
        give_buffer(buffer)
    again = [take_buffer() for _ in taken]
    assert len({id(buffer) for buffer in taken} & {id(buffer) for buffer in again}) == MOST_SPARE
    large = larger_buffer(take_buffer(), MOST_SPARE_BYTES + 1)
    give_buffer(large)
    assert take_buffer() is not large


def test_a_buffer_takes_the_memory_of_what_was_written_to_it() -> None:
    before = resident()
    taken = [take_buffer() for _ in range(200)]
    for buffer in taken:
        buffer[:10] = b"HTTP/1.1 2"
    assert resident() - before < 200 * SIZE // 8


def test_a_larger_buffer_has_the_contents_and_a_view_of_the_old_one_stays_sound() -> None:
    buffer = take_buffer()
    buffer[:3] = b"abc"
    view = memoryview(buffer)[:3]
    larger = larger_buffer(buffer, SIZE + 10)
    assert (len(larger), larger[:3], bytes(view)) == (SIZE + 10, b"abc", b"abc")
