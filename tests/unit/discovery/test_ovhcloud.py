from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from narthex.config.sd.hosters import OVHCloudSDConfig
from narthex.config.strict import load
from narthex.discovery.ovhcloud import ENDPOINTS, OVHCloudProvider, addresses
from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

VPS = {
    "__address__": "192.0.2.1",
    "instance": "abc",
    "__meta_ovhcloud_vps_offer": "VPS abc",
    "__meta_ovhcloud_vps_datacenter": "[]",
    "__meta_ovhcloud_vps_model_vcore": "1",
    "__meta_ovhcloud_vps_maximum_additional_ip": "16",
    "__meta_ovhcloud_vps_version": "2019v1",
    "__meta_ovhcloud_vps_model_name": "vps-value-1-2-40",
    "__meta_ovhcloud_vps_disk": "40",
    "__meta_ovhcloud_vps_memory": "2048",
    "__meta_ovhcloud_vps_zone": "zone",
    "__meta_ovhcloud_vps_display_name": "abc",
    "__meta_ovhcloud_vps_cluster": "cluster_test",
    "__meta_ovhcloud_vps_state": "running",
    "__meta_ovhcloud_vps_name": "abc",
    "__meta_ovhcloud_vps_netboot_mode": "local",
    "__meta_ovhcloud_vps_memory_limit": "2048",
    "__meta_ovhcloud_vps_offer_type": "ssd",
    "__meta_ovhcloud_vps_vcore": "1",
    "__meta_ovhcloud_vps_ipv4": "192.0.2.1",
    "__meta_ovhcloud_vps_ipv6": "",
}
DEDICATED = {
    "__address__": "1.2.3.4",
    "instance": "abcde",
    "__meta_ovhcloud_dedicated_server_state": "test",
    "__meta_ovhcloud_dedicated_server_commercial_range": "Advance-1 Gen 2",
    "__meta_ovhcloud_dedicated_server_link_speed": "123",
    "__meta_ovhcloud_dedicated_server_rack": "TESTRACK",
    "__meta_ovhcloud_dedicated_server_no_intervention": "false",
    "__meta_ovhcloud_dedicated_server_os": "debian11_64",
    "__meta_ovhcloud_dedicated_server_support_level": "pro",
    "__meta_ovhcloud_dedicated_server_server_id": "1234",
    "__meta_ovhcloud_dedicated_server_reverse": "abcde-rev",
    "__meta_ovhcloud_dedicated_server_datacenter": "gra3",
    "__meta_ovhcloud_dedicated_server_name": "abcde",
    "__meta_ovhcloud_dedicated_server_ipv4": "1.2.3.4",
    "__meta_ovhcloud_dedicated_server_ipv6": "",
}


def make(service: str, api: FakeApi) -> MakeProvider:
    keys = "application_key: ak, application_secret: as, consumer_key: ck"
    section = load(OVHCloudSDConfig, f"{{endpoint: '{api.url}/1.0', service: {service}, {keys}}}", "f.yml")
    return lambda metrics, clock: OVHCloudProvider(section, "job", metrics, clock)


async def test_virtual_private_servers_live_and_calls_are_signed(conformance: Path) -> None:
    folder = conformance / "discovery/ovhcloud/testdata/vps"
    async with fake_api() as api:
        api.routes = {
            "/1.0/auth/time": b"1700000100",
            "/1.0/vps": (folder / "vps.json").read_bytes(),
            "/1.0/vps/abc": (folder / "vps_details.json").read_bytes(),
            "/1.0/vps/abc/ips": (folder / "vps_abc_ips.json").read_bytes(),
        }
        await live(make("vps", api), api, lambda: api.routes.update({"/1.0/vps": []}), [VPS], [])
        request = next(r for r, _ in api.requests if r.path == "/1.0/vps/abc/ips")
        # The formula of OVH's API documentation, with the server's clock, which is 100 s ahead of ours.
        signed = f"as+ck+GET+{api.url}/1.0/vps/abc/ips++1700000100"
        assert request.headers["X-Ovh-Signature"] == "$1$" + hashlib.sha1(signed.encode()).hexdigest()
        assert request.headers["X-Ovh-Timestamp"] == "1700000100"
        assert (request.headers["X-Ovh-Application"], request.headers["X-Ovh-Consumer"]) == ("ak", "ck")


async def test_dedicated_servers_live(conformance: Path) -> None:
    folder = conformance / "discovery/ovhcloud/testdata/dedicated_server"
    async with fake_api() as api:
        api.routes = {
            "/1.0/auth/time": b"1700000000",
            "/1.0/dedicated/server": (folder / "dedicated_servers.json").read_bytes(),
            "/1.0/dedicated/server/abcde": (folder / "dedicated_servers_details.json").read_bytes(),
            "/1.0/dedicated/server/abcde/ips": (folder / "dedicated_servers_abcde_ips.json").read_bytes(),
        }
        await live(
            make("dedicated_server", api),
            api,
            lambda: api.routes.update({"/1.0/dedicated/server/abcde/ips": ["1.2.3.5"]}),
            [DEDICATED],
            [{**DEDICATED, "__address__": "1.2.3.5", "__meta_ovhcloud_dedicated_server_ipv4": "1.2.3.5"}],
        )


async def test_a_server_without_details_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        api.routes = {
            "/1.0/auth/time": b"1700000000",
            "/1.0/vps": ["good/one", "bad"],
            "/1.0/vps/good%2Fone": {"name": "good/one"},
            "/1.0/vps/good%2Fone/ips": ["192.0.2.7"],
        }
        async with Life(make("vps", api)) as life:
            assert [t["instance"] for t in life.targets()] == ["good/one"]
            assert life.failures == 0
    assert "could not get details of bad: the server answered 404" in caplog.text


def test_addresses_are_the_last_of_each_kind_and_networks_do_not_count() -> None:
    assert addresses(["1.2.3.4/32", "5.6.7.8", "9.9.9.0/24", "2001:db8::1"]) == ("5.6.7.8", "2001:db8::1")
    for wrong in ([], ["0.0.0.0"], ["2001:db8::/64"], ["no address"], ["1.2.3.4/99"]):
        with pytest.raises(HTTPClientError, match="cannot be used"):
            addresses(wrong)


def test_an_endpoint_is_a_url_or_one_of_the_known_names() -> None:
    assert ENDPOINTS["ovh-eu"] == "https://eu.api.ovh.com/1.0"
    keys = "application_key: ak, application_secret: as, consumer_key: ck"
    wrong = load(OVHCloudSDConfig, f"{{endpoint: ovh-mars, service: vps, {keys}}}", "f.yml")
    with pytest.raises(HTTPClientError, match='"ovh-mars" is neither a URL nor one of ovh-eu'):
        Life(lambda metrics, clock: OVHCloudProvider(wrong, "job", metrics, clock))
