"""Certificates as credentials of Azure clients: what a client assertion is signed with and says of its key."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from narthex.config.cloud_auth import AzureCertificate
from narthex.errors import HTTPClientError
from narthex.net.jwt import encoded

MAX_BYTES = 1024 * 1024


def assertion_key(section: AzureCertificate) -> tuple[bytes, dict[str, Any]]:
    """The private key as PEM, and the JWT header with the certificate's thumbprint (RFC 7515, x5t, and x5c if the
    chain is to be sent). Reads PEM and PKCS #12 files. Raises HTTPClientError.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.serialization import pkcs12
        from cryptography.x509 import load_pem_x509_certificates
    except ImportError:
        raise HTTPClientError("azuread certificates need narthex[cloud] to be installed") from None
    path = section.certificate_path
    data, password = _read(path), section.certificate_password.reveal().encode() or None
    if section.certificate_key_path:
        data += b"\n" + _read(section.certificate_key_path)
    try:
        if b"-----BEGIN" in data:
            key: Any = serialization.load_pem_private_key(data, password)
            certificates = load_pem_x509_certificates(data)
        else:
            key, first, others = pkcs12.load_key_and_certificates(data, password)
            certificates = [*([first] if first is not None else []), *others]
    except (ValueError, TypeError):
        raise HTTPClientError(f"azuread certificate {path} cannot be read: wrong form or wrong password") from None
    if key is None or not certificates:
        raise HTTPClientError(f"azuread certificate {path} has no certificate or no private key in it")
    own = next((c for c in certificates if c.public_key() == key.public_key()), None)
    if own is None:
        raise HTTPClientError(f"azuread certificate {path}: the private key belongs to none of its certificates")
    header: dict[str, Any] = {"x5t": encoded(own.fingerprint(hashes.SHA1()))}  # the protocol names SHA-1
    if section.send_certificate_chain:
        chain = [own, *(c for c in certificates if c is not own)]
        header["x5c"] = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in chain]
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, header


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise HTTPClientError(f"unable to read azuread certificate {path}: {e.strerror or e}") from None
    if len(data) > MAX_BYTES:
        raise HTTPClientError(f"unable to read azuread certificate {path}: larger than {MAX_BYTES} bytes")
    return data
