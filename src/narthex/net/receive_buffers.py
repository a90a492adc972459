"""Buffers into which sockets are read. One that was just used is still in the processor's caches: it goes first.

They are anonymous maps, of which only the pages that were written take memory: a thousand targets that send a few bytes
and then nothing hold a thousand pages.
"""

from __future__ import annotations

from mmap import mmap

SIZE = 256 * 1024
"""Bytes of a buffer that nothing is known about: most bodies of targets, with their headers, fit."""
MOST_SPARE = 8
MOST_SPARE_BYTES = 1 << 20

_spare: list[mmap] = []


def take_buffer() -> mmap:
    """One that nobody else uses, of SIZE bytes or more, with whatever it held before."""
    return _spare.pop() if _spare else mmap(-1, SIZE)


def give_buffer(buffer: mmap) -> None:
    """Its contents may be overwritten from now on. It is never resized or closed, so views of it stay sound."""
    if len(_spare) < MOST_SPARE and len(buffer) <= MOST_SPARE_BYTES:
        _spare.append(buffer)


def larger_buffer(buffer: mmap, size: int) -> mmap:
    """One of `size` bytes that begins with the contents of `buffer`, which is given back."""
    out = mmap(-1, size)
    out[: len(buffer)] = memoryview(buffer)
    give_buffer(buffer)
    return out
