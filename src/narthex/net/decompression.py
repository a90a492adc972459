"""Bodies of HTTP responses, decompressed piece by piece as they come, never beyond a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isal import isal_zlib

from narthex.errors import HTTPClientError
from narthex.files.zstd import zstd

CUT_SHORT = "the body ended early or could not be decompressed"

_GZIP = 16 + 15
_GZIP_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # its stub has an instance
_BROKEN = (_GZIP_ERROR, zstd.ZstdError)


def decompressor(encoding: str) -> Decompressor | None:
    """For a Content-Encoding; None for none. Raises HTTPClientError for one that was not offered."""
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return Decompressor(lambda: isal_zlib.decompressobj(_GZIP), anything=0)
        case "zstd":
            return Decompressor(zstd.ZstdDecompressor, anything=-1)
        case _:
            raise HTTPClientError(f"the response has Content-Encoding {encoding}, which was not asked for")


class Decompressor:
    """One body. Gzip members and zstd frames that follow each other are one body."""

    def __init__(self, make: Callable[[], Any], anything: int) -> None:
        """`make` gives a stream of zlib's interface; `anything` is its length that means no bound."""
        self._make, self._anything = make, anything
        self._stream = make()

    @property
    def finished(self) -> bool:
        """Whether the last member is complete."""
        return bool(self._stream.eof)

    def feed(self, data: bytes | memoryview, room: int) -> bytes:
        """What a piece gives: all of it, or its first `room` bytes (0: no bound), after which nothing may be fed.

        Raises HTTPClientError.
        """
        pieces: list[bytes] = []
        size = 0
        try:
            while data:
                if self._stream.eof:
                    self._stream = self._make()
                piece = self._stream.decompress(data, room - size if room else self._anything)
                pieces.append(piece)
                size += len(piece)
                if room and size >= room:
                    break
                data = self._stream.unused_data if self._stream.eof else b""
        except _BROKEN:
            raise HTTPClientError(CUT_SHORT) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
