from __future__ import annotations

from pathlib import Path

import orjson

from narthex.config.sd.hosters import IonosSDConfig
from narthex.config.strict import load
from narthex.discovery.ionos import IonosProvider
from unit.discovery.api import Life, MakeProvider, fake_api, live

ID = "8feda53f-15f0-447f-badf-ebe32dad2fc0"
COMMON = {
    "__meta_ionos_server_boot_cdrom_id": "0e4d57f9-cd78-11e9-b88c-525400f64d8d",
    "__meta_ionos_server_cpu_family": "INTEL_SKYLAKE",
    "__meta_ionos_server_lifecycle": "AVAILABLE",
    "__meta_ionos_server_servers_id": f"{ID}/servers",
    "__meta_ionos_server_state": "RUNNING",
    "__meta_ionos_server_type": "ENTERPRISE",
}
TWO = {
    **COMMON,
    "__address__": "85.215.243.177:80",
    "__meta_ionos_server_availability_zone": "ZONE_2",
    "__meta_ionos_server_id": "b501942c-4e08-43e6-8ec1-00e59c64e0e4",
    "__meta_ionos_server_ip": ",85.215.243.177,185.56.150.9,85.215.238.118,",
    "__meta_ionos_server_nic_ip_metrics": ",85.215.243.177,",
    "__meta_ionos_server_nic_ip_unnamed": ",185.56.150.9,85.215.238.118,",
    "__meta_ionos_server_name": "prometheus-2",
}
ONE = {
    **COMMON,
    "__address__": "85.215.248.84:80",
    "__meta_ionos_server_availability_zone": "ZONE_1",
    "__meta_ionos_server_id": "523415e6-ff8c-4dc0-86d3-09c256039b30",
    "__meta_ionos_server_ip": ",85.215.248.84,",
    "__meta_ionos_server_nic_ip_unnamed": ",85.215.248.84,",
    "__meta_ionos_server_name": "prometheus-1",
}
BARE = {
    "__address__": "10.0.0.99:80",
    "__meta_ionos_server_ip": ",10.0.0.99,",
    "__meta_ionos_server_nic_ip_unnamed": ",10.0.0.99,",
    "__meta_ionos_server_servers_id": f"{ID}/servers",
}


def make(url: str) -> MakeProvider:
    section = load(IonosSDConfig, f"{{datacenter_id: {ID}, basic_auth: {{username: u, password: p}}}}", "f.yml")
    return lambda metrics, clock: IonosProvider(section, "job", metrics, clock, url=url)


async def test_servers_live_with_the_labels_of_peers(conformance: Path) -> None:
    body = (conformance / "discovery/ionos/testdata/servers.json").read_bytes()
    path = f"/cloudapi/v6/datacenters/{ID}/servers"
    fewer = orjson.loads(body)
    fewer["items"] = [s for s in fewer["items"] if (s.get("properties") or {}).get("name") == "prometheus-1"]
    async with fake_api() as api:
        api.routes = {path: body}
        await live(make(api.url), api, lambda: api.routes.update({path: fewer}), [BARE, TWO, ONE], [ONE])
        assert api.asked()[0] == f"{path}?depth=3"


async def test_a_data_center_without_servers_and_one_of_another_shape() -> None:
    path = f"/cloudapi/v6/datacenters/{ID}/servers"
    async with fake_api() as api:
        api.routes = {path: {"id": "x"}}
        async with Life(make(api.url)) as life:
            assert (life.published, life.targets()) == (1, [])
            api.routes[path] = {"items": {"id": 1}}
            await life.next()
            assert (life.published, life.failures) == (1, 1)
