"""A remote read request as bytes. Format: docs/formats/remote-read.md."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.model.matcher import Matcher, MatchType
from narthex.native import snappy_compress

_TYPES = {MatchType.EQUAL: 0, MatchType.NOT_EQUAL: 1, MatchType.REGEX: 2, MatchType.NOT_REGEX: 3}
_SAMPLES, _CHUNKS = 0, 1


def read_request(matchers: Sequence[Matcher], mint: int, maxt: int, *, labels_only: bool) -> bytes:
    """One query for [mint, maxt] (milliseconds), compressed; answers in chunks are preferred to those in samples.

    `labels_only` hints that samples are of no use.
    """
    query = _number(1, mint) + _number(2, maxt) + b"".join(_bytes(3, _matcher(m)) for m in matchers)
    if labels_only:
        query += _bytes(4, _bytes(2, b"series") + _number(3, mint) + _number(4, maxt))
    return snappy_compress(_bytes(1, query) + _bytes(2, bytes((_CHUNKS, _SAMPLES))))


def _matcher(matcher: Matcher) -> bytes:
    return (
        _number(1, _TYPES[matcher.type])
        + _bytes(2, matcher.name.encode(errors="surrogateescape"))
        + _bytes(3, matcher.value.encode(errors="surrogateescape"))
    )


def _varint(n: int) -> bytes:
    n %= 1 << 64
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _number(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data
