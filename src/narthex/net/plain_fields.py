"""Header fields in their plainest form: such that nobody could understand them in two ways."""

from __future__ import annotations

# Regular expressions would be shorter, but cost several times as much where they are seldom in the caches.
_NAME = b"!#$%&'*+.^_`|~-0123456789abcdefghijklmnopqrstuvwxyz"
SHOWN = bytes((9, *range(32, 127)))
"""What values, and reasons of a status, consist of."""
# Headers that change how the connection or the body is read.
_LEFT_ALONE = frozenset((b"transfer-encoding", b"upgrade", b"expect", b"trailer", b"te", b"proxy-connection"))
_MOST_DIGITS = 9  # of a length
_CONNECTION = {b"": False, b"keep-alive": False, b"close": True}


def plain_fields(text: bytes) -> dict[bytes, bytes] | None:
    """The fields of lines that are all plain, names in lower case; None when one is not, or a name comes twice."""
    fields: dict[bytes, bytes] = {}
    for line in text.split(b"\r\n") if text else ():
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not (name and colon) or name.translate(None, _NAME) or value.translate(None, SHOWN):
            return None
        if name in fields or name in _LEFT_ALONE:
            return None
        fields[name] = value.strip(b" \t")
    return fields


def plain_length(text: bytes) -> int | None:
    """What Content-Length says, if it is up to 999,999,999."""
    return int(text) if len(text) <= _MOST_DIGITS and text.isdigit() else None


def closes(fields: dict[bytes, bytes]) -> bool | None:
    """Whether the connection is to end after the message; None when it is to become something else."""
    return _CONNECTION.get(fields.get(b"connection", b"").lower())
