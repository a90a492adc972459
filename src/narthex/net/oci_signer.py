"""Signatures of Oracle's cloud: HTTP signatures (draft-cavage-http-signatures-08) with an API key, for requests
without a body."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email.utils import formatdate

from yarl import URL

from narthex.clock import Clock
from narthex.net.rsa import RsaKey

GIVER = "oci api key"
SIGNED = "date (request-target) host"


class OciSigner:
    """A `Signer` of narthex.net.client. `key` gives the PEM text and its passphrase; both are asked for each time, and
    the key is read anew when they change."""

    def __init__(self, key_id: str, key: Callable[[], tuple[str, str]], clock: Clock) -> None:
        """`key_id` is tenancy/user/fingerprint."""
        self._key_id, self._texts, self._clock = key_id, key, clock
        self._loaded: tuple[tuple[str, str], RsaKey] | None = None

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        date = formatdate(self._clock.now(), usegmt=True)
        target = f"{method.lower()} {url.raw_path_qs}"
        text = f"date: {date}\n(request-target): {target}\nhost: {url.host_port_subcomponent}"
        signature = base64.b64encode(self._key().sign(text.encode())).decode()
        fields = (
            ("version", "1"),
            ("keyId", self._key_id),
            ("algorithm", "rsa-sha256"),
            ("headers", SIGNED),
            ("signature", signature),
        )
        return {"Date": date, "Authorization": "Signature " + ",".join(f'{name}="{value}"' for name, value in fields)}

    async def close(self) -> None:
        """Holds nothing."""

    def _key(self) -> RsaKey:
        texts = self._texts()
        if self._loaded is None or self._loaded[0] != texts:
            pem, passphrase = texts
            self._loaded = texts, RsaKey(pem.encode(), giver=GIVER, passphrase=passphrase)
        return self._loaded[1]
