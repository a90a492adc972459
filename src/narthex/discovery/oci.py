"""Discovery of Oracle Cloud's compute instances."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import OCISDConfig
from narthex.discovery.http_api import AnswerError, HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most
from narthex.discovery.payload import CamelPayload, decode
from narthex.model.target_group import TargetGroup
from narthex.net.oci_principal import METADATA_URL, InstancePrincipalSigner
from narthex.net.oci_signer import OciSigner
from narthex.net.secret_files import read_secret

log = logging.getLogger(__name__)

META = "__meta_oci_"
VERSION = "20160918"
PAGE_SIZE = "1000"
REQUESTS_AT_A_TIME = 10
NOT_THERE = (403, 404)  # how the API says that something is gone, or that it is not for us
_DOMAINS = {
    "us-langley-1": "oraclegovcloud.com",
    "us-luke-1": "oraclegovcloud.com",
    "us-gov-ashburn-1": "oraclegovcloud.com",
    "us-gov-chicago-1": "oraclegovcloud.com",
    "us-gov-phoenix-1": "oraclegovcloud.com",
    "uk-gov-london-1": "oraclegovcloud.uk",
    "uk-gov-cardiff-1": "oraclegovcloud.uk",
}

P = TypeVar("P")


class Compartment(CamelPayload):
    id: str = ""
    lifecycle_state: str = ""


class Instance(CamelPayload):
    id: str = ""
    display_name: str = ""
    shape: str = ""
    availability_domain: str = ""
    fault_domain: str = ""
    image_id: str = ""
    region: str = ""
    compartment_id: str = ""
    lifecycle_state: str = ""
    freeform_tags: dict[str, str] = Field(default_factory=dict)
    defined_tags: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Attachment(CamelPayload):
    instance_id: str = ""
    vnic_id: str = ""
    lifecycle_state: str = ""


class Vnic(CamelPayload):
    id: str = ""
    is_primary: bool = False
    private_ip: str = ""
    public_ip: str = ""


class OciProvider(HttpApiProvider):
    """One group a compartment. An instance whose primary network interface has no address is no target."""

    def __init__(
        self,
        config: OCISDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        base_url: str = "",
        metadata_url: str = METADATA_URL,
    ) -> None:
        """`base_url` is where all APIs are, instead of the region's hosts."""
        self._config, self._base = config, base_url
        if config.auth == "api_key":
            key_id = f"{config.tenancy}/{config.user}/{config.fingerprint}"
            self._signer: OciSigner | InstancePrincipalSigner = OciSigner(key_id, self._key, clock)
        else:
            self._signer = InstancePrincipalSigner(metadata_url, f"{self._host('auth')}/v1/x509", clock)
        super().__init__(config, config_name, metrics, clock, http=config.http_client, signer=self._signer)

    def _key(self) -> tuple[str, str]:
        config = self._config
        passphrase = config.key_passphrase.reveal()
        if config.key_passphrase_file:
            passphrase = read_secret(config.key_passphrase_file, "oci key passphrase")
        return read_secret(config.key_file, "oci key"), passphrase

    async def refresh(self) -> Sequence[TargetGroup]:
        compartments = list(dict.fromkeys(self._config.compartments)) or await self._compartments()
        return [TargetGroup(f"OCI_{name}", tuple(await self._targets(name))) for name in compartments]

    async def _compartments(self) -> list[str]:
        """All of the tenancy that these credentials may see: itself and what is active below it."""
        root = await self._signer.tenancy()
        query = {"compartmentId": root, "compartmentIdInSubtree": "true", "accessLevel": "ACCESSIBLE"}
        found = await self._all(list[Compartment], "identity", "compartments", query)
        return list(dict.fromkeys((root, *(one.id for one in found if one.lifecycle_state == "ACTIVE" and one.id))))

    async def _targets(self, compartment: str) -> list[dict[str, str]]:
        query = {"compartmentId": compartment}
        try:
            instances = await self._all(list[Instance], "iaas", "instances", query)
            attachments = await self._all(list[Attachment], "iaas", "vnicAttachments", query)
        except AnswerError as e:
            if e.status not in NOT_THERE:
                raise
            log.warning("discovery oci: compartment %s is left out: %s", compartment, e)
            return []
        known = {instance.id for instance in instances if instance.id}
        attached = [one for one in attachments if one.lifecycle_state == "ATTACHED" and one.instance_id in known]
        vnics = await at_most(REQUESTS_AT_A_TIME, self._vnic, [one.vnic_id for one in attached])
        of_instance: dict[str, list[Vnic]] = {}
        for one, vnic in zip(attached, vnics, strict=True):
            if vnic is not None:
                of_instance.setdefault(one.instance_id, []).append(vnic)
        tenancy = await self._signer.tenancy()
        found = [self._labels(tenancy, instance, of_instance.get(instance.id, [])) for instance in instances]
        return [labels for labels in found if labels is not None]

    async def _vnic(self, vnic_id: str) -> Vnic | None:
        """None when it has gone since it was listed."""
        try:
            body = await self.ask(self._url("iaas", f"vnics/{quote(vnic_id, safe='')}", {}))
        except AnswerError as e:
            if e.status not in NOT_THERE:
                raise
            return None
        return decode(Vnic, body)

    async def _all(self, kind: type[list[P]], service: str, path: str, query: dict[str, str]) -> list[P]:
        async def page(token: str) -> tuple[Sequence[P], str]:
            more = {"page": token} if token else {}
            answer = await self.api.answer(self._url(service, path, {**query, "limit": PAGE_SIZE, **more}))
            return decode(kind, answer.body), answer.headers.get("opc-next-page", "")

        return await all_pages(page)

    def _url(self, service: str, path: str, query: dict[str, str]) -> str:
        return f"{self._host(service)}/{VERSION}/{path}{'?' if query else ''}{urlencode(query)}"

    def _host(self, service: str) -> str:
        region = self._config.region
        return self._base or f"https://{service}.{region}.{_DOMAINS.get(region, 'oraclecloud.com')}"

    def _labels(self, tenancy: str, instance: Instance, vnics: Sequence[Vnic]) -> dict[str, str] | None:
        primary = next((vnic for vnic in vnics if vnic.is_primary), Vnic())
        address = primary.private_ip or primary.public_ip
        if not address:
            return None
        others = [vnic for vnic in vnics if not vnic.is_primary]
        labels = {
            "__address__": host_port(address, self._config.port),
            f"{META}instance_id": instance.id,
            f"{META}instance_name": instance.display_name,
            f"{META}instance_state": instance.lifecycle_state,
            f"{META}instance_shape": instance.shape,
            f"{META}availability_domain": instance.availability_domain,
            f"{META}fault_domain": instance.fault_domain,
            f"{META}region": instance.region,
            f"{META}tenancy_id": tenancy,
            f"{META}compartment_id": instance.compartment_id,
            f"{META}image_id": instance.image_id,
            f"{META}vnic_id": primary.id,
            f"{META}private_ip": primary.private_ip,
            f"{META}public_ip": primary.public_ip,
            f"{META}secondary_private_ips": _listed([vnic.private_ip for vnic in others]),
            f"{META}secondary_public_ips": _listed([vnic.public_ip for vnic in others]),
        }
        labels |= {f"{META}tag_{label_name(name)}": value for name, value in instance.freeform_tags.items()}
        for namespace, tags in instance.defined_tags.items():
            prefix = f"{META}defined_tag_{label_name(namespace)}_"
            labels |= {prefix + label_name(name): value for name, value in tags.items() if isinstance(value, str)}
        return {name: value for name, value in labels.items() if value}


def _listed(addresses: Sequence[str]) -> str:
    """In separators, empty for none."""
    found = [address for address in addresses if address]
    return f",{','.join(found)}," if found else ""
