"""Discovery of STACKIT servers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import GRANT_JWT
from narthex.config.sd.hosters import StackitSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup
from narthex.net.bearer import AccessToken, BearerSigner
from narthex.net.jwt import signed
from narthex.net.oauth2 import FORM
from narthex.net.secret_files import read_secret

TOKEN_URL = "https://service-account.api.stackit.cloud/token"
ASSERTION_SECONDS = 600


class Nic(Payload):
    networkName: str = ""
    ipv4: str = ""
    publicIp: str = ""


class Server(Payload):
    id: str = ""
    name: str = ""
    availabilityZone: str = ""
    machineType: str = ""
    status: str = ""
    powerStatus: str = ""
    labels: dict[str, Any] = Field(default_factory=dict)
    nics: list[Nic] = Field(default_factory=list)


class Servers(Payload):
    items: list[Server] = Field(default_factory=list)


class StackitProvider(HttpApiProvider):
    """Servers without an address are no targets."""

    def __init__(
        self,
        config: StackitSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        token_url: str = TOKEN_URL,
    ) -> None:
        keyed = config.service_account_key or config.service_account_key_path
        signer = StackitSigner(config, clock, token_url) if keyed else None
        super().__init__(config, config_name, metrics, clock, http=config.http_client, signer=signer)
        self._config = config
        endpoint = config.endpoint.text or f"https://iaas.api.{config.region}.stackit.cloud"
        self._url = f"{endpoint.rstrip('/')}/v1/projects/{quote(config.project, safe='')}/servers?details=true"

    async def refresh(self) -> Sequence[TargetGroup]:
        servers = decode(Servers, await self.ask(self._url, headers={"Accept": "application/json"})).items
        targets = [self._labels(server) for server in servers]
        return [TargetGroup("stackit", tuple(labels for labels in targets if labels is not None))]

    def _labels(self, server: Server) -> dict[str, str] | None:
        meta = "__meta_stackit_"
        public = next((nic.publicIp for nic in server.nics if nic.publicIp), "")
        address = public or next((nic.ipv4 for nic in server.nics if nic.ipv4), "")
        if not address:
            return None
        labels = {
            "__address__": host_port(address, self._config.port),
            f"{meta}project": self._config.project,
            f"{meta}id": server.id,
            f"{meta}name": server.name,
            f"{meta}availability_zone": server.availabilityZone,
            f"{meta}status": server.status,
            f"{meta}power_status": server.powerStatus,
            f"{meta}type": server.machineType,
        }
        labels |= {f"{meta}private_ipv4_{label_name(nic.networkName)}": nic.ipv4 for nic in server.nics if nic.ipv4}
        if public:
            labels[f"{meta}public_ipv4"] = public
        for name, value in server.labels.items():
            if isinstance(value, str):
                labels[f"{meta}labelpresent_{label_name(name)}"] = "true"
                labels[f"{meta}label_{label_name(name)}"] = value
        return labels


class Credentials(Payload):
    kid: str = ""
    iss: str = ""
    sub: str = ""
    aud: str = ""
    privateKey: str = ""


class ServiceAccountKey(Payload):
    credentials: Credentials = Credentials()


class StackitSigner(BearerSigner):
    """Tokens for a service account key; its private key stands in it, beside it, or in the credentials file."""

    def __init__(self, config: StackitSDConfig, clock: Clock, token_url: str) -> None:
        super().__init__(clock)
        self._config, self._url = config, token_url

    async def fetch(self) -> AccessToken:
        config, now = self._config, int(self._clock.now())
        text = config.service_account_key.reveal() or read_secret(
            config.service_account_key_path, "stackit service account key"
        )
        key = decode(ServiceAccountKey, text.encode()).credentials
        claims = {
            "iss": key.iss,
            "sub": key.sub,
            "aud": key.aud,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        private = (self._private_key() or key.privateKey).encode()
        assertion = signed(claims, private, algorithm="RS512", header={"kid": key.kid}, giver="stackit service account")
        form = urlencode({"grant_type": GRANT_JWT, "assertion": assertion}).encode()
        return await self.ask("POST", self._url, "the STACKIT token server", FORM, form)

    def _private_key(self) -> str:
        config = self._config
        path = config.private_key_path
        if config.private_key or path:
            return config.private_key.reveal() or read_secret(path, "stackit private key")
        if not config.credentials_file_path:
            return ""
        try:
            document = orjson.loads(read_secret(config.credentials_file_path, "stackit credentials"))
        except ValueError:
            raise HTTPClientError(f"stackit credentials file {config.credentials_file_path} is not JSON") from None
        document = document if isinstance(document, dict) else {}
        path = str(document.get("STACKIT_PRIVATE_KEY_PATH") or "")
        return str(document.get("STACKIT_PRIVATE_KEY") or "") or (
            read_secret(path, "stackit private key") if path else ""
        )
