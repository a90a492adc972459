"""Access tokens of Google Cloud: a credentials file, Application Default Credentials, or the metadata server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from narthex.clock import Clock
from narthex.config.http_client import GRANT_JWT, HTTPClientConfig
from narthex.errors import HTTPClientError
from narthex.net.bearer import AccessToken, BearerSigner
from narthex.net.jwt import signed
from narthex.net.oauth2 import FORM
from narthex.net.secret_files import read_secret

MONITORING_WRITE = "https://www.googleapis.com/auth/monitoring.write"
TOKEN_URI = "https://oauth2.googleapis.com/token"
METADATA_HOST = "metadata.google.internal"
ASSERTION_SECONDS = 3600


class GoogleSigner(BearerSigner):
    """`credentials_file` must be of a service account; without it the default credentials are looked for each time a
    token is fetched, in the order of Google's own libraries.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        scope: str = MONITORING_WRITE,
        credentials_file: str = "",
        environment: Mapping[str, str] | None = None,
        config: HTTPClientConfig | None = None,
    ) -> None:
        super().__init__(clock, config)
        self._scope, self._file = scope, credentials_file
        self._environment = os.environ if environment is None else environment

    async def fetch(self) -> AccessToken:
        if self._file:
            return await self._service_account(self._read(self._file, "service_account"))
        path = self._default_file()
        if path is None:
            return await self._metadata()
        document = self._read(path, "service_account", "authorized_user")
        if document["type"] == "service_account":
            return await self._service_account(document)
        form = {"grant_type": "refresh_token"}
        form |= {name: str(document.get(name, "")) for name in ("client_id", "client_secret", "refresh_token")}
        return await self._post(TOKEN_URI, form)

    async def project(self) -> str:
        """The project of the default credentials, "" when they name none."""
        path = self._default_file()
        return "" if path is None else str(self._read(path, "service_account", "authorized_user").get("project_id", ""))

    def _default_file(self) -> str | None:
        path = self._environment.get("GOOGLE_APPLICATION_CREDENTIALS")
        if path:
            return path
        config = self._environment.get("CLOUDSDK_CONFIG") or f"{self._environment.get('HOME', '')}/.config/gcloud"
        well_known = Path(config) / "application_default_credentials.json"
        return str(well_known) if well_known.is_file() else None

    @staticmethod
    def _read(path: str, *kinds: str) -> dict[str, Any]:
        try:
            document = orjson.loads(read_secret(path, "Google credentials"))
        except ValueError:
            raise HTTPClientError(f"Google credentials file {path} is not JSON") from None
        kind = document.get("type") if isinstance(document, dict) else None
        if kind not in kinds:
            raise HTTPClientError(
                f"Google credentials file {path} is of type {str(kind)[:60]}, not {' or '.join(kinds)}"
            )
        return dict(document)

    async def _service_account(self, document: Mapping[str, Any]) -> AccessToken:
        uri, now = str(document.get("token_uri") or TOKEN_URI), int(self._clock.now())
        claims = {
            "iss": str(document.get("client_email", "")),
            "scope": self._scope,
            "aud": uri,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        assertion = signed(
            claims,
            str(document.get("private_key", "")).encode(),
            header={"kid": str(document.get("private_key_id", ""))},
            giver="the Google service account",
        )
        return await self._post(uri, {"grant_type": GRANT_JWT, "assertion": assertion})

    async def _post(self, uri: str, form: Mapping[str, str]) -> AccessToken:
        return await self.ask("POST", uri, "the Google token server", FORM, urlencode(form).encode())

    async def _metadata(self) -> AccessToken:
        host = self._environment.get("GCE_METADATA_HOST") or METADATA_HOST
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        query = urlencode({"scopes": self._scope})
        return await self.ask("GET", f"{url}?{query}", "the Google metadata server", {"Metadata-Flavor": "Google"})
