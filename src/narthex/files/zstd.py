"""zstd: the module of the standard library where there is one, and whole frames, as log records have them."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["compress", "decompress", "zstd"]


def compress(plain: bytes) -> bytes:
    """One frame, with the least effort: records are written while a scrape waits."""
    return zstd.compress(plain, level=1)


def decompress(frame: bytes, limit: int) -> bytes:
    """One or more whole frames. Raises ValueError when they give more than `limit` bytes, ZstdError when broken."""
    out = bytearray()
    rest = frame
    while rest:
        stream = zstd.ZstdDecompressor()
        out += stream.decompress(rest, max_length=limit - len(out) + 1)
        if len(out) > limit:
            raise ValueError(f"zstd record gives more than {limit} bytes")
        if not stream.eof:
            raise ValueError("zstd record ends early")
        rest = stream.unused_data
    return bytes(out)
