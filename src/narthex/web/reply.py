"""The envelope of API answers: {status, data, errorType, error, warnings, infos} as bytes.

`data` arrives as JSON bytes, since query results are written by the core and never become Python objects.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from narthex.errors import (
    MatcherError,
    NarthexError,
    PromQLError,
    QueryCanceled,
    QueryError,
    QueryTimeout,
    RequestError,
    StorageError,
)

MOST_ANNOTATIONS = 10
TRUNCATED = "results truncated due to limit"
_STATUS = {
    "bad_data": 400,
    "execution": 422,
    "canceled": 499,
    "timeout": 503,
    "internal": 500,
    "unavailable": 500,
    "not_found": 404,
    "not_acceptable": 406,
}


SLICE = 200  # values of a long list that are made at a time


class Reply(NamedTuple):
    """What a handler gives. `data` is JSON, maybe in parts; None means that there is nothing to say (204).

    Parts that an iterator makes while they are sent are made in a thread.
    """

    data: bytes | Sequence[bytes] | Iterator[bytes] | None
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()


def json_reply(value: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Reply:
    return Reply(to_json(value), warnings, infos)


def to_json(value: Any) -> bytes:
    """JSON of plain values. Lone surrogates (label values that are not UTF-8) become U+FFFD."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return orjson.dumps(_readable(value), option=orjson.OPT_NON_STR_KEYS)


def json_list(values: Iterable[Any]) -> Iterator[bytes]:
    """JSON of a list, in pieces, so that only a slice of the values must exist at a time."""
    before, rest = b"[", iter(values)
    while some := list(itertools.islice(rest, SLICE)):
        yield before + to_json(some)[1:-1]
        before = b","
    yield b"]" if before == b"," else b"[]"


def envelope(reply: Reply) -> Sequence[bytes] | Iterator[bytes]:
    """The body of a successful answer, in parts: results of many megabytes are not copied."""
    data = (reply.data,) if isinstance(reply.data, bytes) else reply.data
    if data is None:
        return [b'{"status":"success"', _annotations(reply), b"}"]
    if not isinstance(data, list | tuple) and isinstance(data, Iterator):  # the usual ones first: this is slow to ask
        return itertools.chain((b'{"status":"success","data":',), data, (_annotations(reply) + b"}",))
    return [b'{"status":"success","data":', *data, _annotations(reply), b"}"]


def _annotations(reply: Reply) -> bytes:
    text = b""
    if not reply.warnings and not reply.infos:
        return text
    for name, kind, texts in (("warnings", "warning", reply.warnings), ("infos", "info", reply.infos)):
        if texts:
            text += b',"%s":' % name.encode() + to_json(capped(texts, kind))
    return text


def capped(texts: Sequence[str], kind: str) -> list[str]:
    """At most MOST_ANNOTATIONS texts, each once, then one that counts the rest."""
    unique = list(dict.fromkeys(texts))
    rest = len(unique) - MOST_ANNOTATIONS
    if rest <= 0:
        return unique
    return [*unique[:MOST_ANNOTATIONS], f"{rest} more {kind} annotations omitted"]


def error_kind(error: Exception) -> str:
    """The API's error type of an exception."""
    match error:
        case RequestError():
            return error.kind
        case PromQLError() | MatcherError():
            return "bad_data"
        case QueryTimeout():
            return "timeout"
        case QueryCanceled():
            return "canceled"
        case StorageError():
            return "internal"
        case QueryError() | NarthexError():
            return "execution"
        case _:
            return "internal"


def error_status(kind: str) -> int:
    return _STATUS.get(kind, 500)


def error_envelope(kind: str, message: str) -> bytes:
    return to_json({"status": "error", "errorType": kind, "error": message})


def _readable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8", "replace")
        case dict():
            return {_readable(k): _readable(v) for k, v in value.items()}
        case list() | tuple():
            return [_readable(v) for v in value]
        case _:
            return value
