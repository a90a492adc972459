"""Small files with a password, token or header value in them, read anew at each use."""

from __future__ import annotations

from pathlib import Path

from narthex.errors import HTTPClientError

MAX_BYTES = 1024 * 1024


def read_secret(path: str, what: str) -> str:
    """The file's text without surrounding white space. Raises HTTPClientError that says what was to be read."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise HTTPClientError(f"unable to read {what} file {path}: {e.strerror or e}") from None
    if len(data) > MAX_BYTES:
        raise HTTPClientError(f"unable to read {what} file {path}: larger than {MAX_BYTES} bytes")
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        raise HTTPClientError(f"unable to read {what} file {path}: not UTF-8 text") from None
