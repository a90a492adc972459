from __future__ import annotations

from typing import Any

from aiohttp import web

from narthex.config.sd.cloud import GCESDConfig
from narthex.config.strict import load
from narthex.discovery.gce import GCEProvider
from unit.discovery.api import FakeApi, MakeProvider, fake_api, live

INSTANCES = "/compute/v1/projects/my-project/zones/us-east1-b/instances"
INSTANCE: dict[str, Any] = {
    "id": "1234567890123456789",
    "name": "node-1",
    "zone": "https://compute/zones/us-east1-b",
    "status": "RUNNING",
    "machineType": "https://compute/machineTypes/e2-small",
    "networkInterfaces": [
        {
            "name": "nic0",
            "network": "https://compute/networks/default",
            "subnetwork": "https://compute/subnetworks/default",
            "networkIP": "10.0.0.2",
            "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "natIP": "34.1.2.3"}],
        },
        {"name": "nic-1", "networkIP": "10.1.0.2"},
    ],
    "tags": {"items": ["http", "prod"], "fingerprint": "x"},
    "metadata": {"items": [{"key": "ssh-keys", "value": "k"}, {"key": "none"}]},
    "labels": {"team-x": "y"},
}
LABELS = {
    "__address__": "10.0.0.2:9100",
    "__meta_gce_project": "my-project",
    "__meta_gce_zone": "https://compute/zones/us-east1-b",
    "__meta_gce_instance_id": "1234567890123456789",
    "__meta_gce_instance_name": "node-1",
    "__meta_gce_instance_status": "RUNNING",
    "__meta_gce_machine_type": "https://compute/machineTypes/e2-small",
    "__meta_gce_network": "https://compute/networks/default",
    "__meta_gce_subnetwork": "https://compute/subnetworks/default",
    "__meta_gce_private_ip": "10.0.0.2",
    "__meta_gce_public_ip": "34.1.2.3",
    "__meta_gce_interface_ipv4_nic0": "10.0.0.2",
    "__meta_gce_interface_ipv4_nic_1": "10.1.0.2",
    "__meta_gce_tags": ",http,prod,",
    "__meta_gce_metadata_ssh_keys": "k",
    "__meta_gce_label_team_x": "y",
}
BARE = {
    "__address__": "10.0.0.3:9100",
    "__meta_gce_project": "my-project",
    "__meta_gce_private_ip": "10.0.0.3",
    "__meta_gce_interface_ipv4_nic0": "10.0.0.3",
} | {
    f"__meta_gce_{name}": ""
    for name in ("zone", "instance_id", "instance_name", "instance_status", "machine_type", "network", "subnetwork")
}


def make(api: FakeApi) -> MakeProvider:
    text = "{project: my-project, zone: us-east1-b, port: 9100, filter: 'labels.a = b'}"
    section = load(GCESDConfig, text, "f.yml")
    environment = {"GCE_METADATA_HOST": api.url.removeprefix("http://"), "HOME": "/nowhere"}
    url = f"{api.url}/compute/v1"
    return lambda metrics, clock: GCEProvider(section, "job", metrics, clock, url=url, environment=environment)


async def test_instances_live_and_come_page_by_page_with_a_token_of_the_metadata_server() -> None:
    pages: dict[str, Any] = {
        "": {"items": [INSTANCE, {"name": "no interface"}], "nextPageToken": "p2"},
        "p2": {"items": [{"networkInterfaces": [{"name": "nic0", "networkIP": "10.0.0.3"}]}]},
    }

    async def instances(request: web.BaseRequest) -> Any:
        assert request.headers["Authorization"] == "Bearer t"
        assert request.query["filter"] == "labels.a = b"
        return pages[request.query.get("pageToken", "")]

    async with fake_api() as api:
        api.routes = {
            INSTANCES: instances,
            "/computeMetadata/v1/instance/service-accounts/default/token": {"access_token": "t", "expires_in": 3600},
        }
        await live(make(api), api, lambda: pages.update({"": {"items": [INSTANCE]}}), [LABELS, BARE], [LABELS])
        assert api.requests[0][0].query["scopes"] == "https://www.googleapis.com/auth/compute.readonly"
