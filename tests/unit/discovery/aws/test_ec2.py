from __future__ import annotations

from typing import Any

import pytest

from unit.discovery.api import Life, fake_api, live
from unit.discovery.aws.fake import aws, make

ZONES = """<DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><availabilityZoneInfo>
<item><zoneName>azname-a</zoneName><zoneId>azid-1</zoneId></item>
<item><zoneName>azname-b</zoneName><zoneId>azid-2</zoneId></item>
</availabilityZoneInfo></DescribeAvailabilityZonesResponse>"""
FULL = """<instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name>
</instanceState><instanceType>t3.large</instanceType><instanceLifecycle>spot</instanceLifecycle>
<architecture>x86_64</architecture><platform>windows</platform>
<placement><availabilityZone>azname-b</availabilityZone></placement><privateDnsName>p.internal</privateDnsName>
<privateIpAddress>10.0.0.1</privateIpAddress><dnsName>public.example</dnsName><ipAddress>42.42.42.2</ipAddress>
<vpcId>vpc-1</vpcId><subnetId>subnet-3</subnetId><networkInterfaceSet>
<item><subnetId>subnet-3</subnetId><attachment><deviceIndex>1</deviceIndex></attachment>
<ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address><isPrimaryIpv6>false</isPrimaryIpv6></item>
<item><ipv6Address>2001:db8::2</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item></ipv6AddressesSet></item>
<item><subnetId>subnet-2</subnetId></item><item><subnetId>subnet-3</subnetId></item>
</networkInterfaceSet><tagSet><item><key>tag 1</key><value>v</value></item></tagSet>"""
LABELS = {
    "__address__": "10.0.0.1:9100",
    "__meta_ec2_instance_id": "i-1",
    "__meta_ec2_region": "eu-west-1",
    "__meta_ec2_owner_id": "owner",
    "__meta_ec2_ami": "ami-1",
    "__meta_ec2_availability_zone": "azname-b",
    "__meta_ec2_availability_zone_id": "azid-2",
    "__meta_ec2_architecture": "x86_64",
    "__meta_ec2_instance_state": "running",
    "__meta_ec2_instance_type": "t3.large",
    "__meta_ec2_instance_lifecycle": "spot",
    "__meta_ec2_platform": "windows",
    "__meta_ec2_private_dns_name": "p.internal",
    "__meta_ec2_private_ip": "10.0.0.1",
    "__meta_ec2_public_dns_name": "public.example",
    "__meta_ec2_public_ip": "42.42.42.2",
    "__meta_ec2_default_ipv6_address": "2001:db8::2",
    "__meta_ec2_primary_ipv6_addresses": ",,2001:db8::2,",
    "__meta_ec2_ipv6_addresses": ",2001:db8::1,2001:db8::2,",
    "__meta_ec2_vpc_id": "vpc-1",
    "__meta_ec2_primary_subnet_id": "subnet-3",
    "__meta_ec2_subnet_id": ",subnet-3,subnet-2,",
    "__meta_ec2_tag_tag_1": "v",
}
SMALL = """<instanceId>i-2</instanceId><imageId>ami-2</imageId><instanceState><name>stopped</name></instanceState>
<instanceType>t2</instanceType><placement><availabilityZone>azname-c</availabilityZone></placement>
<privateIpAddress>10.0.0.2</privateIpAddress><networkInterfaceSet/><tagSet/>"""
SMALL_LABELS = {
    "__address__": "10.0.0.2:9100",
    "__meta_ec2_instance_id": "i-2",
    "__meta_ec2_region": "eu-west-1",
    "__meta_ec2_ami": "ami-2",
    "__meta_ec2_availability_zone": "azname-c",
    "__meta_ec2_availability_zone_id": "",
    "__meta_ec2_instance_state": "stopped",
    "__meta_ec2_instance_type": "t2",
    "__meta_ec2_private_ip": "10.0.0.2",
    "__meta_ec2_owner_id": "owner",
}


def answer(*instances: str, token: str = "") -> str:
    items = "".join(f"<item>{instance}</item>" for instance in instances)
    return (
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>'
        f"<ownerId>owner</ownerId><instancesSet>{items}</instancesSet></item></reservationSet>"
        f"<nextToken>{token}</nextToken></DescribeInstancesResponse>"
    )


@pytest.mark.parametrize("section", ["ec2_sd_configs: [{", "aws_sd_configs: [{role: ec2, "])
async def test_instances_live_and_come_page_by_page(section: str) -> None:
    pages = {"": answer(FULL, "<instanceId>no address</instanceId>", token="t"), "t": answer(SMALL)}
    calls: list[dict[str, Any]] = []

    def instances(call: dict[str, Any]) -> str:
        calls.append(call)
        return pages[call.get("NextToken", "")]

    async with fake_api() as api:
        aws(api, {"DescribeAvailabilityZones": ZONES, "DescribeInstances": instances})
        text = f"{section}port: 9100, filters: [{{name: tag:a, values: [b, c]}}]}}]"
        await live(make(text, api), api, lambda: pages.update({"": answer(FULL)}), [LABELS, SMALL_LABELS], [LABELS])
    assert calls[0] == {
        "Action": "DescribeInstances",
        "Version": "2016-11-15",
        "Filter.1.Name": "tag:a",
        "Filter.1.Value.1": "b",
        "Filter.1.Value.2": "c",
    }


async def test_an_account_that_may_not_see_zones_gets_its_instances(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        aws(api, {"DescribeInstances": answer(FULL)})
        async with Life(make("ec2_sd_configs: [{port: 9100}]", api)) as life:
            assert life.targets() == [{**LABELS, "__meta_ec2_availability_zone_id": ""}]
            assert life.failures == 0


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "ec2: DescribeInstances: the server answered 400 Bad Request Unknown"),
        ("<a", "the answer is not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        ("<a><reservationSet><item><instancesSet>x</instancesSet></item></reservationSet></a>", "cannot be used"),
    ],
)
async def test_an_answer_of_no_use_is_told(document: str | None, words: str, caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        aws(api, {"DescribeAvailabilityZones": ZONES, "DescribeInstances": document})
        async with Life(make("ec2_sd_configs: [{}]", api)) as life:
            assert (life.published, life.failures) == (0, 1)
    assert words in caplog.text
