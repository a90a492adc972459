"""ULIDs, the names of blocks: 48 bits of milliseconds and 80 random bits in Crockford's base 32 (26 characters)."""

from __future__ import annotations

import os
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS = {c: i for i, c in enumerate(_ALPHABET)}
LENGTH = 26


def new_ulid(milliseconds: int, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A name that sorts by creation time. `entropy(n)` gives n random bytes."""
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(entropy(10), "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))


def is_ulid(text: str) -> bool:
    """Whether a directory name is a block's (upper case only, as Prometheus writes them)."""
    return len(text) == LENGTH and text[0] <= "7" and all(c in _DIGITS for c in text)


def ulid_time(text: str) -> int:
    """Milliseconds since the epoch at which a ULID was made. Raises ValueError when it is none."""
    if not is_ulid(text):
        raise ValueError(f"not a ULID: {text!r}")
    number = 0
    for c in text[:10]:
        number = number << 5 | _DIGITS[c]
    return number
