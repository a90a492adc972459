"""Access tokens of Microsoft Entra ID (Azure AD): client secret, certificate, workload and managed identity."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from narthex.clock import Clock
from narthex.config.cloud_auth import AzureADConfig, AzureCertificate
from narthex.config.http_client import HTTPClientConfig
from narthex.config.scalars import Secret
from narthex.errors import HTTPClientError
from narthex.net.azure_certificate import assertion_key
from narthex.net.bearer import AccessToken, BearerSigner
from narthex.net.jwt import signed
from narthex.net.oauth2 import FORM
from narthex.net.secret_files import read_secret

METADATA_HOST = "http://169.254.169.254"
ASSERTION_KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
TOKEN_FILE = "/var/run/secrets/azure/tokens/azure-identity-token"


@dataclass(frozen=True, slots=True)
class AzureCloud:
    authority: str
    resource_manager: str
    monitor_scope: str


CLOUDS = {
    "AzurePublic": AzureCloud(
        "https://login.microsoftonline.com", "https://management.azure.com", "https://monitor.azure.com//.default"
    ),
    "AzureGovernment": AzureCloud(
        "https://login.microsoftonline.us", "https://management.usgovcloudapi.net", "https://monitor.azure.us//.default"
    ),
    "AzureChina": AzureCloud(
        "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn", "https://monitor.azure.cn//.default"
    ),
}


class AzureSigner(BearerSigner):
    """Tokens for one scope, by default that of Azure Monitor in the section's cloud."""

    def __init__(
        self,
        section: AzureADConfig,
        clock: Clock,
        *,
        scope: str = "",
        environment: Mapping[str, str] | None = None,
        config: HTTPClientConfig | None = None,
    ) -> None:
        super().__init__(clock, config)
        cloud = CLOUDS[section.cloud]
        self._section, self._scope = section, scope or section.scope or cloud.monitor_scope
        self._environment = os.environ if environment is None else environment
        self._authority = (self._environment.get("AZURE_AUTHORITY_HOST") or cloud.authority).rstrip("/")

    async def fetch(self) -> AccessToken:
        section = self._section
        if section.oauth is not None:
            secret = {"client_secret": section.oauth.client_secret.reveal()}
            return await self._client(section.oauth.tenant_id, section.oauth.client_id, secret)
        if section.workload_identity is not None:
            workload = section.workload_identity
            path = workload.token_file_path
            if path in ("", TOKEN_FILE):  # the webhook may say that it is elsewhere
                path = self._environment.get("AZURE_FEDERATED_TOKEN_FILE") or TOKEN_FILE
            return await self._federated(workload.tenant_id, workload.client_id, path)
        if section.certificate is not None:
            return await self._certificate(section.certificate)
        if section.managed_identity is not None:
            return await self._managed(section.managed_identity.client_id)
        return await self._from_environment(section.sdk.tenant_id if section.sdk is not None else "")

    async def _from_environment(self, tenant: str) -> AccessToken:
        """What Azure's SDKs look for: a client in the environment, a workload identity, a managed identity."""
        get = self._environment.get
        tenant, client = tenant or get("AZURE_TENANT_ID", ""), get("AZURE_CLIENT_ID", "")
        secret, certificate = get("AZURE_CLIENT_SECRET", ""), get("AZURE_CLIENT_CERTIFICATE_PATH", "")
        if tenant and client and secret:
            return await self._client(tenant, client, {"client_secret": secret})
        if tenant and client and certificate:
            password = Secret(get("AZURE_CLIENT_CERTIFICATE_PASSWORD", ""))
            return await self._certificate(
                AzureCertificate(
                    client_id=client, tenant_id=tenant, certificate_path=certificate, certificate_password=password
                )
            )
        path = get("AZURE_FEDERATED_TOKEN_FILE", "")
        if tenant and client and path:
            return await self._federated(tenant, client, path)
        return await self._managed(client)

    async def _client(self, tenant: str, client: str, credential: Mapping[str, str]) -> AccessToken:
        form = {"grant_type": "client_credentials", "client_id": client, "scope": self._scope, **credential}
        url = self._token_url(tenant)
        return await self.ask("POST", url, "the Azure token server", FORM, urlencode(form).encode())

    def _token_url(self, tenant: str) -> str:
        return f"{self._authority}/{quote(tenant, safe='')}/oauth2/v2.0/token"

    async def _federated(self, tenant: str, client: str, path: str) -> AccessToken:
        token = read_secret(path, "Azure workload identity token")
        return await self._client(tenant, client, {"client_assertion_type": ASSERTION_KIND, "client_assertion": token})

    async def _certificate(self, section: AzureCertificate) -> AccessToken:
        key, header = assertion_key(section)
        now = int(self._clock.now())
        claims = {
            "aud": self._token_url(section.tenant_id),
            "iss": section.client_id,
            "sub": section.client_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + ASSERTION_SECONDS,
        }
        assertion = signed(claims, key, header=header, giver="azuread certificate")
        credential = {"client_assertion_type": ASSERTION_KIND, "client_assertion": assertion}
        return await self._client(section.tenant_id, section.client_id, credential)

    async def _managed(self, client: str) -> AccessToken:
        """App Service and its like name an endpoint in the environment; virtual machines have the metadata service."""
        query = {"resource": self._scope.removesuffix("/.default")}
        if client:
            query["client_id"] = client
        endpoint, secret = self._environment.get("IDENTITY_ENDPOINT"), self._environment.get("IDENTITY_HEADER")
        if endpoint and secret:
            query["api-version"] = "2019-08-01"
            headers = {"X-IDENTITY-HEADER": secret}
        else:
            query["api-version"] = "2018-02-01"
            host = (self._environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or METADATA_HOST).rstrip("/")
            endpoint, headers = f"{host}/metadata/identity/oauth2/token", {"Metadata": "true"}
        return await self.ask("GET", f"{endpoint}?{urlencode(query)}", "the Azure managed identity", headers)


def cloud_of(environment: str) -> str:
    """The cloud that an `environment` name of the older kind stands for. Raises HTTPClientError for an unknown one."""
    names = {
        "AZURECHINACLOUD": "AzureChina",
        "AZURECLOUD": "AzurePublic",
        "AZUREGERMANCLOUD": "AzurePublic",
        "AZUREPUBLICCLOUD": "AzurePublic",
        "AZUREUSGOVERNMENT": "AzureGovernment",
        "AZUREUSGOVERNMENTCLOUD": "AzureGovernment",
    }
    try:
        return names[environment.upper()]
    except KeyError:
        raise HTTPClientError(f'there is no Azure cloud named "{environment}"') from None
