"""Buffers into which sockets are read. One that was just used is still in the processor's caches: it goes first."""

from __future__ import annotations

SIZE = 256 * 1024
"""Bytes of a buffer that nothing is known about: most bodies of targets, with their headers, fit."""
MOST_SPARE = 8
MOST_SPARE_BYTES = 1 << 20

_spare: list[bytearray] = []


def take_buffer() -> bytearray:
    """One that nobody else uses, of SIZE bytes or more, with whatever it held before."""
    return _spare.pop() if _spare else bytearray(SIZE)


def give_buffer(buffer: bytearray) -> None:
    """Its contents may be overwritten from now on. It is never resized, so views of it stay sound."""
    if len(_spare) < MOST_SPARE and len(buffer) <= MOST_SPARE_BYTES:
        _spare.append(buffer)


def larger_buffer(buffer: bytearray, size: int) -> bytearray:
    """One of `size` bytes that begins with the contents of `buffer`, which is given back."""
    out = bytearray(size)
    out[: len(buffer)] = buffer
    give_buffer(buffer)
    return out
