"""The way to the API server: as configured, as a kubeconfig file says, or as every pod of the cluster has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from narthex.clock import Clock
from narthex.config.http_client import Authorization, HTTPClientConfig, ProxyConfig, TLSConfig
from narthex.config.sd.cluster import KubernetesSDConfig
from narthex.discovery.http_api import host_port
from narthex.discovery.kubernetes.api import Access
from narthex.discovery.kubernetes.exec_plugin import ExecAccess
from narthex.discovery.kubernetes.kubeconfig import read_kubeconfig
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient
from narthex.net.secret_files import read_secret

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class PlainAccess:
    """Everything stands in HTTP client settings; files among them are read again when they change."""

    def __init__(self, server: str, config: HTTPClientConfig, clock: Clock, *, own_namespace: str = "") -> None:
        self.server, self.own_namespace = server.rstrip("/"), own_namespace
        self._client = HTTPClient(config, clock=clock)

    async def client(self) -> tuple[HTTPClient, Mapping[str, str]]:
        return self._client, {}

    def refused(self) -> None:
        """Nothing is kept that could be had anew."""

    async def close(self) -> None:
        await self._client.close()


def access_for(
    config: KubernetesSDConfig,
    clock: Clock,
    *,
    environment: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Raises HTTPClientError when what the way needs is missing."""
    environment = os.environ if environment is None else environment
    if config.kubeconfig_file:
        found = read_kubeconfig(Path(config.kubeconfig_file))
        if found.plugin is not None:
            return ExecAccess(found.server, found.client, found.plugin, clock, environment)
        return PlainAccess(found.server, found.client, clock)
    if config.api_server:
        return PlainAccess(config.api_server.text, config.http_client, clock)
    return _in_cluster(config, clock, environment, service_account)


def _in_cluster(
    config: KubernetesSDConfig, clock: Clock, environment: Mapping[str, str], service_account: Path
) -> PlainAccess:
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port.isdigit():
        raise HTTPClientError(
            "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set (or set api_server)"
        )
    token, ca = service_account / "token", service_account / "ca.crt"
    read_secret(str(token), "service account token")
    namespace = ""
    if config.namespaces.own_namespace:
        namespace = read_secret(str(service_account / "namespace"), "own namespace")
        if not namespace:
            raise HTTPClientError("the file with the pod's own namespace is empty")
    client = HTTPClientConfig(
        authorization=Authorization(credentials_file=str(token)),
        tls_config=TLSConfig(ca_file=str(ca) if ca.exists() else ""),
        proxy_settings=ProxyConfig(proxy_from_environment=True),
    )
    return PlainAccess(f"https://{host_port(host, int(port))}", client, clock, own_namespace=namespace)
