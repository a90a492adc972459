"""Authentication schemes of cloud vendors, beside the HTTP client's own."""

from __future__ import annotations

import re
from uuid import UUID

from pydantic import model_validator

from narthex.config.scalars import Bool, FilePath, Secret, Text
from narthex.config.strict import Section, wrong


class SigV4Config(Section):
    region: Text = ""
    access_key: Text = ""
    secret_key: Secret = Secret("")
    profile: Text = ""
    role_arn: Text = ""
    external_id: Text = ""
    use_fips_sts_endpoint: Bool = False
    service_name: Text = ""

    @model_validator(mode="after")
    def _check(self) -> SigV4Config:
        if bool(self.access_key) != bool(self.secret_key):
            raise wrong("access_key and secret_key must be set together", "access_key")
        return self


def _uuid(value: str, key: str) -> None:
    try:
        UUID(value)
    except ValueError:
        raise wrong(f'"{value}" is not a UUID', key) from None


class AzureManagedIdentity(Section):
    client_id: Text = ""

    @model_validator(mode="after")
    def _check(self) -> AzureManagedIdentity:
        if self.client_id:
            _uuid(self.client_id, "client_id")
        return self


class AzureWorkloadIdentity(Section):
    client_id: Text = ""
    tenant_id: Text = ""
    token_file_path: Text = "/var/run/secrets/azure/tokens/azure-identity-token"

    @model_validator(mode="after")
    def _check(self) -> AzureWorkloadIdentity:
        for key in ("client_id", "tenant_id"):
            _uuid(getattr(self, key), key)
        return self


class AzureOAuth(Section):
    client_id: Text = ""
    client_secret: Secret = Secret("")
    tenant_id: Text = ""

    @model_validator(mode="after")
    def _check(self) -> AzureOAuth:
        for key in ("client_secret", "tenant_id"):
            if not getattr(self, key):
                raise wrong("must be set", key)
        _uuid(self.client_id, "client_id")
        return self


class AzureSDK(Section):
    tenant_id: Text = ""


class AzureCertificate(Section):
    client_id: Text = ""
    tenant_id: Text = ""
    certificate_path: Text = ""
    certificate_key_path: Text = ""
    certificate_password: Secret = Secret("")
    send_certificate_chain: Bool = False

    @model_validator(mode="after")
    def _check(self) -> AzureCertificate:
        for key in ("tenant_id", "certificate_path"):
            if not getattr(self, key):
                raise wrong("must be set", key)
        _uuid(self.client_id, "client_id")
        return self


_SCOPE = re.compile(r"[\w\s:/.\-]+\Z", re.ASCII)
_AZURE_WAYS = ("managed_identity", "workload_identity", "oauth", "sdk", "certificate")


class AzureADConfig(Section):
    managed_identity: AzureManagedIdentity | None = None
    workload_identity: AzureWorkloadIdentity | None = None
    oauth: AzureOAuth | None = None
    sdk: AzureSDK | None = None
    certificate: AzureCertificate | None = None
    cloud: Text = "AzurePublic"
    scope: Text = ""

    @model_validator(mode="after")
    def _check(self) -> AzureADConfig:
        if self.cloud not in ("AzurePublic", "AzureChina", "AzureGovernment"):
            raise wrong("use AzurePublic, AzureChina or AzureGovernment", "cloud")
        given = [name for name in _AZURE_WAYS if getattr(self, name) is not None]
        if len(given) != 1:
            raise wrong(f"exactly one of {', '.join(_AZURE_WAYS)} must be set, found {len(given)}")
        if self.scope and not _SCOPE.match(self.scope):
            raise wrong("has characters that a scope cannot have", "scope")
        return self


class GoogleIAMConfig(Section):
    credentials_file: FilePath = ""
