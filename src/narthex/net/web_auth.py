"""Basic authentication against bcrypt hashes: checked in a thread, one at a time, and remembered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache

import bcrypt

from narthex.config.scalars import Secret

CACHE_ENTRIES = 100
BCRYPT_BYTES = 72  # bcrypt takes no more of a password


class BasicAuth:
    """Remembers outcomes under a keyed hash, so that no password stays in memory. Used from one event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, bool] = OrderedDict()
        self._lock = asyncio.Lock()
        self._nobody = _nobody()

    async def allows(self, header: str | None, users: Mapping[str, Secret]) -> bool:
        """Whether an Authorization header names one of the users with the right password."""
        given = _credentials(header)
        if given is None:
            return False
        user, password = given
        known_user = user in users
        stored = users[user].reveal().encode() if known_user else self._nobody
        memory = hmac.digest(self._key, b"\0".join((user.encode(), stored, password)), hashlib.sha256)
        found = self._known.get(memory)
        if found is None:
            async with self._lock:  # a check costs a lot of CPU: strangers must not start many at a time
                found = self._known.get(memory)
                if found is None:
                    found = await asyncio.to_thread(_matches, password, stored)
                    self._known[memory] = found
                    if len(self._known) > CACHE_ENTRIES:
                        self._known.popitem(last=False)
        else:
            self._known.move_to_end(memory)
        return found and known_user


@cache
def _nobody() -> bytes:
    """A hash of a password that nobody knows: unknown users take as long as known ones. Making it is as slow."""
    return bcrypt.hashpw(secrets.token_bytes(32), bcrypt.gensalt(10))


def _matches(password: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:BCRYPT_BYTES], stored)
    except ValueError:
        return False


def _credentials(header: str | None) -> tuple[str, bytes] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (Base64Error, UnicodeDecodeError):
        return None
