"""Instance principals of Oracle's cloud: an instance shows its certificate, gets a token for a key of the moment, and
signs its requests with both."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import orjson
from yarl import URL

from narthex.clock import Clock
from narthex.errors import HTTPClientError
from narthex.net.bearer import AccessToken, BearerSigner, json_object
from narthex.net.oci_signer import authorization, signed_headers, target
from narthex.net.rsa import RsaKey

METADATA_URL = "http://169.254.169.254/opc/v2"
METADATA = "the OCI metadata service"
FEDERATION = "the OCI auth service"
GIVER = "oci instance principal"
_TENANCIES = ("opc-tenant:", "opc-identity:")


class InstancePrincipalSigner(BearerSigner):
    def __init__(self, metadata_url: str, federation_url: str, clock: Clock) -> None:
        super().__init__(clock)
        self._metadata_url, self._federation_url = metadata_url, federation_url
        self._session: RsaKey | None = None  # which the token is for
        self._tenancy = ""

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        token = await self.token()
        assert self._session is not None  # a token has come with it
        return signed_headers(f"ST${token}", self._session, method, url, self._clock.now())

    async def tenancy(self) -> str:
        """As the instance's certificate names it."""
        await self.token()
        return self._tenancy

    async def fetch(self) -> AccessToken:
        leaf, key, intermediate = [await self._metadata(name) for name in ("cert", "key", "intermediate")]
        certificate, tenancy = _der(leaf), _tenancy_of(leaf)
        session = await asyncio.to_thread(RsaKey.generate, giver=GIVER)
        request = {
            "certificate": base64.b64encode(certificate).decode(),
            "publicKey": base64.b64encode(session.public_der()).decode(),
            "intermediateCertificates": [base64.b64encode(_der(intermediate)).decode()],
        }
        token = await self._federate(tenancy, certificate, RsaKey(key, giver=GIVER), orjson.dumps(request))
        self._session, self._tenancy = session, tenancy
        return AccessToken(token, _end_of(token) - self._clock.now())

    async def _metadata(self, name: str) -> bytes:
        url = f"{self._metadata_url}/identity/{name}.pem"
        status, body = await self.exchange("GET", url, METADATA, {"Authorization": "Bearer Oracle"})
        if status != 200:
            raise HTTPClientError(f"{METADATA} answered {status}")
        return body

    async def _federate(self, tenancy: str, certificate: bytes, key: RsaKey, body: bytes) -> str:
        url = URL(self._federation_url)
        digest = hashlib.sha1(certificate, usedforsecurity=False).digest()  # a name, which the protocol makes so
        values = {
            "date": formatdate(self._clock.now(), usegmt=True),
            "(request-target)": target("POST", url),
            "content-length": str(len(body)),
            "content-type": "application/json",
            "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        signature = authorization(f"{tenancy}/fed-x509/{digest.hex(':').upper()}", key, values)
        headers = {name: value for name, value in values.items() if name[0] != "("} | {"authorization": signature}
        status, answer = await self.exchange("POST", self._federation_url, FEDERATION, headers, body)
        document = json_object(answer)
        if status != 200:
            code = document.get("code")
            words = f" ({code[:100]})" if isinstance(code, str) and code.isprintable() else ""
            raise HTTPClientError(f"{FEDERATION} answered {status}{words}")
        token = document.get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or '"' in token:
            raise HTTPClientError(f"{FEDERATION} gave no usable token")
        return token


def _certificate(pem: bytes) -> Any:
    try:
        from cryptography.x509 import load_pem_x509_certificate
    except ImportError:
        raise HTTPClientError(f"{GIVER} needs certificates: install narthex[cloud]") from None
    try:
        return load_pem_x509_certificate(pem)
    except ValueError:
        raise HTTPClientError(f"{METADATA} gave no usable certificate") from None


def _der(pem: bytes) -> bytes:
    certificate = _certificate(pem)
    from cryptography.hazmat.primitives.serialization import Encoding

    found: bytes = certificate.public_bytes(Encoding.DER)
    return found


def _tenancy_of(pem: bytes) -> str:
    for attribute in _certificate(pem).subject:
        for prefix in _TENANCIES:
            if str(attribute.value).startswith(prefix):
                return str(attribute.value).removeprefix(prefix)
    raise HTTPClientError("the instance's certificate names no tenancy")


def _end_of(token: str) -> float:
    """When a JSON Web Token ends, seconds since the Unix epoch. Raises HTTPClientError."""
    try:
        _, claims, _ = token.split(".")
        return float(orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (ValueError, KeyError, TypeError):
        raise HTTPClientError(f"{FEDERATION} gave no usable token") from None
