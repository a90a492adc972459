"""Profiles of AWS: the shared credentials and config files."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from narthex.errors import HTTPClientError
from narthex.net.secret_files import read_secret

Profile = Mapping[str, str]


class AwsProfiles:
    """Both files, read anew by each `profile`, so that changed keys count."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = Path(environment.get("HOME") or "/") / ".aws"
        self._credentials = environment.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / "credentials")
        self._config = environment.get("AWS_CONFIG_FILE") or str(home / "config")
        self.default = environment.get("AWS_PROFILE") or "default"

    def profile(self, name: str) -> Profile:
        """What both files say of a profile, the credentials file first; empty when neither knows it."""
        found: dict[str, str] = {}
        for path, section in (
            (self._config, name if name == "default" else f"profile {name}"),
            (self._credentials, name),
        ):
            parser = _parse(path)
            if parser.has_section(section):
                found |= {key: value for key, value in parser.items(section) if value}
        return found


def _parse(path: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, default_section="", allow_no_value=True)
    if Path(path).exists():
        try:
            parser.read_string(read_secret(path, "AWS profile"))
        except configparser.Error:  # its text may hold a line of secrets
            raise HTTPClientError(f"AWS profile file {path} is not well formed") from None
    return parser
