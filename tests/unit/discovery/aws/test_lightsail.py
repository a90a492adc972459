from __future__ import annotations

from typing import Any

import pytest

from unit.discovery.api import fake_api, live
from unit.discovery.aws.fake import aws, make

INSTANCE: dict[str, Any] = {
    "name": "web",
    "supportCode": "1/i-0",
    "blueprintId": "ubuntu_22_04",
    "bundleId": "nano_3_0",
    "location": {"availabilityZone": "eu-west-1a", "regionName": "eu-west-1"},
    "state": {"code": 16, "name": "running"},
    "privateIpAddress": "172.26.0.1",
    "publicIpAddress": "3.3.3.3",
    "ipv6Addresses": ["2001:db8::1", "2001:db8::2"],
    "tags": [{"key": "a b", "value": "c"}, {"key": "only"}],
}
LABELS = {
    "__address__": "172.26.0.1:80",
    "__meta_lightsail_availability_zone": "eu-west-1a",
    "__meta_lightsail_blueprint_id": "ubuntu_22_04",
    "__meta_lightsail_bundle_id": "nano_3_0",
    "__meta_lightsail_instance_name": "web",
    "__meta_lightsail_instance_state": "running",
    "__meta_lightsail_instance_support_code": "1/i-0",
    "__meta_lightsail_ipv6_addresses": ",2001:db8::1,2001:db8::2,",
    "__meta_lightsail_private_ip": "172.26.0.1",
    "__meta_lightsail_public_ip": "3.3.3.3",
    "__meta_lightsail_region": "eu-west-1",
    "__meta_lightsail_tag_a_b": "c",
}


@pytest.mark.parametrize("section", ["lightsail_sd_configs: [{}]", "aws_sd_configs: [{role: lightsail}]"])
async def test_instances_live_and_come_page_by_page(section: str) -> None:
    pages: dict[str, Any] = {
        "": {"instances": [INSTANCE, {"name": "no address"}], "nextPageToken": "t"},
        "t": {"instances": [{"privateIpAddress": "172.26.0.2"}]},
    }
    bare = {
        "__address__": "172.26.0.2:80",
        "__meta_lightsail_private_ip": "172.26.0.2",
        "__meta_lightsail_region": "eu-west-1",
    }
    async with fake_api() as api:
        aws(api, {"GetInstances": lambda call: pages[call.get("pageToken", "")]})
        await live(make(section, api), api, lambda: pages.update({"": {"instances": []}}), [LABELS, bare], [])
