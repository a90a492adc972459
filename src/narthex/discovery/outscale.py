"""Discovery of Outscale virtual machines (OAPI ReadVms, signed as for AWS)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pydantic import Field
from yarl import URL

from narthex.clock import Clock
from narthex.config.sd.hosters import OutscaleSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup
from narthex.net.aws_keys import AwsKeys
from narthex.net.secret_files import read_secret
from narthex.net.sigv4 import Scope, sign

SERVICE = "oapi"


class VmPlacement(Payload):
    SubregionName: str | None = None


class VmTag(Payload):
    Key: str = ""
    Value: str = ""


class Vm(Payload):
    VmId: str = ""
    State: str = ""
    PrivateIp: str | None = None
    PublicIp: str | None = None
    Placement: VmPlacement = VmPlacement()
    Tags: list[VmTag] = Field(default_factory=list)


class ReadVms(Payload):
    Vms: list[Vm] = Field(default_factory=list)
    NextPageToken: str = ""


class OutscaleProvider(HttpApiProvider):
    """Machines without an address are no targets."""

    def __init__(self, config: OutscaleSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config = config
        self._url = (config.endpoint or f"https://api.{config.region}.outscale.com/api/v1").rstrip("/") + "/ReadVms"

    async def refresh(self) -> Sequence[TargetGroup]:
        found: list[Vm] = []
        tokens = [""]
        while True:
            page = decode(ReadVms, await self._read({"NextPageToken": tokens[-1]} if tokens[-1] else {}))
            found += page.Vms
            if page.NextPageToken in tokens:  # "" at the end
                break
            tokens.append(page.NextPageToken)
        targets = tuple(self._labels(vm) for vm in found if vm.PrivateIp or vm.PublicIp)
        return [TargetGroup(self._config.region, targets)]

    async def _read(self, request: dict[str, str]) -> bytes:
        config = self._config
        secret = config.secret_key.reveal()
        if config.secret_key_file:
            secret = read_secret(config.secret_key_file, "outscale secret key")
        headers, body = {"Content-Type": "application/json"}, orjson.dumps(request)
        keys, scope = AwsKeys(config.access_key, secret), Scope(config.region, SERVICE)
        headers |= sign("POST", URL(self._url), headers, body, keys, scope, self._clock.now())
        return await self.ask(self._url, method="POST", headers=headers, body=body)

    def _labels(self, vm: Vm) -> dict[str, str]:
        meta = "__meta_outscale_vm_"
        labels = {
            "__address__": host_port(vm.PrivateIp or vm.PublicIp or "", self._config.port),
            f"{meta}instance_id": vm.VmId,
            f"{meta}region": self._config.region,
            f"{meta}state": vm.State,
        }
        optional = {"subregion": vm.Placement.SubregionName, "private_ip": vm.PrivateIp, "public_ip": vm.PublicIp}
        labels |= {f"{meta}{name}": value for name, value in optional.items() if value is not None}
        return labels | {f"{meta}tag_{label_name(t.Key)}": t.Value for t in vm.Tags if t.Key and t.Value}
