"""Discovery of Azure virtual machines, those of scale sets among them."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from yarl import URL

from narthex.clock import Clock
from narthex.config.cloud_auth import AzureADConfig, AzureManagedIdentity, AzureOAuth, AzureSDK, AzureWorkloadIdentity
from narthex.config.sd.cloud import AzureSDConfig
from narthex.discovery.azure_payloads import Interface, Machine, Page, ScaleSet, group_and_name
from narthex.discovery.http_api import AnswerError, HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most
from narthex.discovery.payload import Payload, decode
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup
from narthex.net.azure_auth import CLOUDS, AzureSigner, cloud_of

log = logging.getLogger(__name__)
P = TypeVar("P", bound=Payload)

META = "__meta_azure_"
COMPUTE_VERSION, NETWORK_VERSION, SCALE_SET_NETWORK_VERSION = "2024-07-01", "2024-05-01", "2018-10-01"
REQUESTS_AT_A_TIME = 32
MOST_REMEMBERED = 5000
REMEMBERED_INTERVALS, SPREAD_INTERVALS = 10, 3
"""Network interfaces are remembered for so many refreshes and a random part of so many more."""


class AzureProvider(HttpApiProvider):
    """Machines that are deallocated, or whose network interface has gone, are no targets."""

    def __init__(
        self,
        config: AzureSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        url: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`url` is the Resource Manager's, by default that of the section's cloud."""
        environment = os.environ if environment is None else environment
        cloud = CLOUDS[cloud_of(config.environment)]
        section = _credentials(config, environment)
        signer = AzureSigner(section, clock, scope=f"{cloud.resource_manager}/.default", environment=environment)
        super().__init__(config, config_name, metrics, clock, http=config.http_client, signer=signer)
        self._config, self._url = config, (url or cloud.resource_manager)
        self._failed, self._hits = metrics.azure_failures, metrics.azure_cache_hits
        self._remembered: dict[str, tuple[float, Interface]] = {}

    async def refresh(self) -> Sequence[TargetGroup]:
        try:
            found = await self._targets()
        except Exception:
            self._failed.inc()
            raise
        return [TargetGroup("", tuple(labels for labels in found if labels is not None))]

    async def _targets(self) -> list[dict[str, str] | None]:
        machines = [(machine, "") for machine in await self._list(self._compute("virtualMachines"), Machine)]
        for scale_set in await self._list(self._compute("virtualMachineScaleSets"), ScaleSet):
            group, name = group_and_name(scale_set.id)
            path = f"{self._compute('virtualMachineScaleSets', group)}/{quote(name, safe='')}/virtualMachines"
            machines += [(machine, scale_set.name) for machine in await self._list(path, Machine)]
        return await at_most(REQUESTS_AT_A_TIME, lambda pair: self._labels(*pair), machines)

    def _compute(self, kind: str, group: str = "") -> str:
        group = group or self._config.resource_group
        within = f"/resourceGroups/{quote(group, safe='')}" if group else ""
        subscription = quote(self._config.subscription_id, safe="")
        return f"/subscriptions/{subscription}{within}/providers/Microsoft.Compute/{kind}"

    async def _list(self, path: str, kind: type[P]) -> list[P]:
        first = f"{self._url}{path}?api-version={COMPUTE_VERSION}"

        async def page(link: str) -> tuple[Sequence[P], str]:
            if link and URL(link).origin() != URL(self._url).origin():
                raise HTTPClientError("the next page is said to be on another host")
            got = decode(Page[kind], await self.ask(link or first))  # type: ignore[valid-type]  # a generic model takes its parameter at run time
            return got.value, got.nextLink

        return await all_pages(page)

    async def _labels(self, machine: Machine, scale_set: str) -> dict[str, str] | None:
        config, properties = self._config, machine.properties
        labels = {
            f"{META}subscription_id": config.subscription_id,
            f"{META}tenant_id": config.tenant_id,
            f"{META}machine_id": machine.id,
            f"{META}machine_name": machine.name,
            f"{META}machine_computer_name": properties.osProfile.computerName,
            f"{META}machine_os_type": properties.storageProfile.osDisk.osType,
            f"{META}machine_location": machine.location,
            f"{META}machine_resource_group": group_and_name(machine.id)[0],
            f"{META}machine_size": properties.hardwareProfile.vmSize,
        }
        if scale_set:
            labels[f"{META}machine_scale_set"] = scale_set
        labels |= {f"{META}machine_tag_{label_name(name)}": value for name, value in machine.tags.items()}
        for reference in properties.networkProfile.networkInterfaces:
            try:
                interface = await self._interface(reference.id, scale_set, machine.instanceId)
            except AnswerError as e:
                if e.status != 404:
                    raise
                log.warning("discovery azure: network interface %s does not exist", reference.id)
                return None
            if interface.properties is None:
                continue
            if interface.properties.primary is None:
                return None  # the sign of a machine that is deallocated
            if interface.properties.primary and interface.properties.ipConfigurations:
                ip = interface.properties.ipConfigurations[0].properties
                if ip.privateIPAddress is None:
                    raise HTTPClientError(f"machine {machine.name} has no private IP address")
                if ip.publicIPAddress.properties.ipAddress is not None:
                    labels[f"{META}machine_public_ip"] = ip.publicIPAddress.properties.ipAddress
                labels[f"{META}machine_private_ip"] = ip.privateIPAddress
                return {**labels, "__address__": host_port(ip.privateIPAddress, config.port)}
        return None

    async def _interface(self, resource_id: str, scale_set: str, instance_id: str) -> Interface:
        now = self._clock.monotonic()
        end, known = self._remembered.get(resource_id, (0.0, None))
        if known is not None and now < end:
            self._hits.inc()
            return known
        group, name = group_and_name(resource_id)
        path, version = f"networkInterfaces/{quote(name, safe='')}", NETWORK_VERSION
        if scale_set:
            of_set = f"{quote(scale_set, safe='')}/virtualMachines/{quote(instance_id, safe='')}/{path}"
            base, version = f"{self._compute('virtualMachineScaleSets', group)}/{of_set}", SCALE_SET_NETWORK_VERSION
        else:
            base = f"{self._compute('', group).removesuffix('Microsoft.Compute/')}Microsoft.Network/{path}"
        url = f"{self._url}{base}?$expand=IPConfigurations/PublicIPAddress&api-version={version}"
        interface = decode(Interface, await self.ask(url))
        self._remembered.pop(resource_id, None)
        if len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        intervals = REMEMBERED_INTERVALS + random.uniform(0, SPREAD_INTERVALS)
        self._remembered[resource_id] = (now + intervals * self._config.refresh_seconds, interface)
        return interface


def _credentials(config: AzureSDConfig, environment: Mapping[str, str]) -> AzureADConfig:
    """The section's credentials in the form of `azuread`, without its checks: ids need not be UUIDs here."""
    cloud = cloud_of(config.environment)
    match config.authentication_method:
        case "ManagedIdentity":
            managed = AzureManagedIdentity.model_construct(client_id=config.client_id)
            return AzureADConfig.model_construct(managed_identity=managed, cloud=cloud)
        case "WorkloadIdentity":
            names = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")
            client, tenant, path = (environment.get(name, "") for name in names)
            if not (client and tenant and path):
                raise HTTPClientError(f"azure workload identity needs {', '.join(names)} in the environment")
            workload = AzureWorkloadIdentity.model_construct(client_id=client, tenant_id=tenant, token_file_path=path)
            return AzureADConfig.model_construct(workload_identity=workload, cloud=cloud)
        case "SDK":
            return AzureADConfig.model_construct(sdk=AzureSDK(tenant_id=config.tenant_id), cloud=cloud)
        case _:
            oauth = AzureOAuth.model_construct(
                client_id=config.client_id, client_secret=config.client_secret, tenant_id=config.tenant_id
            )
            return AzureADConfig.model_construct(oauth=oauth, cloud=cloud)
