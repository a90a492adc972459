"""Signatures of Oracle's cloud: HTTP signatures (draft-cavage-http-signatures-08) with an API key."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email.utils import formatdate

from yarl import URL

from narthex.clock import Clock
from narthex.net.rsa import RsaKey

GIVER = "oci api key"


def signed_headers(key_id: str, key: RsaKey, method: str, url: URL, now: float) -> dict[str, str]:
    """Date and Authorization of a request without a body; `now` is seconds since the Unix epoch."""
    date = formatdate(now, usegmt=True)
    values = {"date": date, "(request-target)": target(method, url), "host": url.host_port_subcomponent or ""}
    return {"Date": date, "Authorization": authorization(key_id, key, values)}


def target(method: str, url: URL) -> str:
    return f"{method.lower()} {url.raw_path_qs}"


def authorization(key_id: str, key: RsaKey, values: Mapping[str, str]) -> str:
    """A signature over these headers, in their order; (request-target) is one."""
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    fields = {
        "version": "1",
        "keyId": key_id,
        "algorithm": "rsa-sha256",
        "headers": " ".join(values),
        "signature": base64.b64encode(key.sign(text.encode())).decode(),
    }
    return "Signature " + ",".join(f'{name}="{value}"' for name, value in fields.items())


class OciSigner:
    """A `Signer` of narthex.net.client. `key` gives the PEM text and its passphrase; both are asked for each time, and
    the key is read anew when they change."""

    def __init__(self, key_id: str, key: Callable[[], tuple[str, str]], clock: Clock) -> None:
        """`key_id` is tenancy/user/fingerprint."""
        self._key_id, self._texts, self._clock = key_id, key, clock
        self._loaded: tuple[tuple[str, str], RsaKey] | None = None

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        return signed_headers(self._key_id, self._key(), method, url, self._clock.now())

    async def tenancy(self) -> str:
        return self._key_id.partition("/")[0]

    async def close(self) -> None:
        """Holds nothing."""

    def _key(self) -> RsaKey:
        texts = self._texts()
        if self._loaded is None or self._loaded[0] != texts:
            pem, passphrase = texts
            self._loaded = texts, RsaKey(pem.encode(), giver=GIVER, passphrase=passphrase)
        return self._loaded[1]
