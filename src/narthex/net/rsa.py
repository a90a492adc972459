"""Signatures with RSA keys, for which the extra `cloud` is needed."""

from __future__ import annotations

from typing import Any

from narthex.errors import HTTPClientError


class RsaKey:
    """A private key from PEM text. Raises HTTPClientError that names `giver`, the owner of the key."""

    def __init__(self, pem: bytes, *, giver: str, passphrase: str = "") -> None:
        try:
            from cryptography.hazmat.primitives import hashes, serialization
            from cryptography.hazmat.primitives.asymmetric import padding, rsa
        except ImportError:
            raise HTTPClientError(f"{giver} needs RSA signatures: install narthex[cloud]") from None
        try:
            private = serialization.load_pem_private_key(pem, password=passphrase.encode() or None)
        except (ValueError, TypeError):
            how = "with this password" if passphrase else "without a password"
            raise HTTPClientError(f"{giver}: the private key is not an RSA key in PEM form {how}") from None
        if not isinstance(private, rsa.RSAPrivateKey):
            raise HTTPClientError(f"{giver}: the private key is not an RSA key")
        self._private, self._padding = private, padding.PKCS1v15()
        self._digests: dict[int, Any] = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}

    @classmethod
    def generate(cls, *, giver: str) -> RsaKey:
        """A fresh key of 2048 bits, which takes some tenths of a second of CPU."""
        try:
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import rsa
        except ImportError:
            raise HTTPClientError(f"{giver} needs RSA signatures: install narthex[cloud]") from None
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(private.private_bytes(pem, pkcs8, serialization.NoEncryption()), giver=giver)

    def public_der(self) -> bytes:
        """The public half (SubjectPublicKeyInfo)."""
        from cryptography.hazmat.primitives import serialization

        der, info = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(der, info)

    def sign(self, data: bytes, bits: int = 256) -> bytes:
        """PKCS #1 v1.5 over SHA-2 of so many bits: 256, 384 or 512."""
        return self._private.sign(data, self._padding, self._digests[bits])
