from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from narthex.config.discovery import DiscoveryConfigs
from narthex.config.strict import load
from narthex.discovery import DiscoveryMetrics
from narthex.discovery.oci import OciProvider
from narthex.instrument.registry import Registry
from support.clock import FakeClock
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

KEY = rsa.generate_private_key(65537, 2048)
ROOT, CHILD = "ocid1.tenancy.oc1..t", "ocid1.compartment.oc1..c"
INSTANCES, ATTACHMENTS = "/20160918/instances", "/20160918/vnicAttachments"
INSTANCE: dict[str, Any] = {
    "id": "ocid1.instance.1",
    "displayName": "one",
    "shape": "VM.Standard.E4.Flex",
    "availabilityDomain": "AD-1",
    "faultDomain": "FAULT-DOMAIN-1",
    "imageId": "ocid1.image.1",
    "region": "eu-frankfurt-1",
    "compartmentId": CHILD,
    "lifecycleState": "RUNNING",
    "freeformTags": {"team a": "x", "Team": "y"},
    "definedTags": {"Oracle-Tags": {"CreatedBy": "me", "Cost": 42, "Live": True}},
}
VNICS = {
    "ocid1.vnic.p": {"id": "ocid1.vnic.p", "isPrimary": True, "privateIp": "10.0.0.5", "publicIp": "203.0.113.1"},
    "ocid1.vnic.s": {"id": "ocid1.vnic.s", "isPrimary": False, "privateIp": "10.0.0.6"},
    "ocid1.vnic.t": {"id": "ocid1.vnic.t", "isPrimary": False, "privateIp": "10.0.0.7", "publicIp": "203.0.113.2"},
    "ocid1.vnic.u": {"id": "ocid1.vnic.u", "isPrimary": True, "publicIp": "203.0.113.9"},
}
LABELS = {
    "__address__": "10.0.0.5:9100",
    "__meta_oci_instance_id": "ocid1.instance.1",
    "__meta_oci_instance_name": "one",
    "__meta_oci_instance_state": "RUNNING",
    "__meta_oci_instance_shape": "VM.Standard.E4.Flex",
    "__meta_oci_availability_domain": "AD-1",
    "__meta_oci_fault_domain": "FAULT-DOMAIN-1",
    "__meta_oci_region": "eu-frankfurt-1",
    "__meta_oci_tenancy_id": ROOT,
    "__meta_oci_compartment_id": CHILD,
    "__meta_oci_image_id": "ocid1.image.1",
    "__meta_oci_vnic_id": "ocid1.vnic.p",
    "__meta_oci_private_ip": "10.0.0.5",
    "__meta_oci_public_ip": "203.0.113.1",
    "__meta_oci_secondary_private_ips": ",10.0.0.6,10.0.0.7,",
    "__meta_oci_secondary_public_ips": ",203.0.113.2,",
    "__meta_oci_tag_team_a": "x",
    "__meta_oci_tag_Team": "y",
    "__meta_oci_defined_tag_Oracle_Tags_CreatedBy": "me",
}
BARE = {
    "__address__": "203.0.113.9:9100",
    "__meta_oci_instance_id": "ocid1.instance.2",
    "__meta_oci_tenancy_id": ROOT,
    "__meta_oci_vnic_id": "ocid1.vnic.u",
    "__meta_oci_public_ip": "203.0.113.9",
}


def check_signature(request: web.BaseRequest) -> None:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"].removeprefix("Signature ")))
    assert (fields["keyId"], fields["algorithm"]) == (f"{ROOT}/user/aa:bb", "rsa-sha256")
    values = {
        "date": request.headers["Date"],
        "(request-target)": f"get {request.rel_url.raw_path_qs}",
        "host": request.headers["Host"],
    }
    assert re.fullmatch(r"Tue, 14 Nov 2023 22:1\d:20 GMT", values["date"]), "the time is that of the clock"
    text = "\n".join(f"{name}: {values[name]}" for name in fields["headers"].split())
    KEY.public_key().verify(base64.b64decode(fields["signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())


class Cloud:
    """Instances, attachments and who may see what, by compartment."""

    def __init__(self, api: FakeApi) -> None:
        self.compartments = [{"id": CHILD, "lifecycleState": "ACTIVE"}, {"id": "old", "lifecycleState": "DELETED"}]
        self.instances: dict[str, list[dict[str, Any]]] = {CHILD: [INSTANCE, {"id": "ocid1.instance.2"}]}
        attached = [(1, "p"), (1, "s"), (1, "t"), (2, "u"), (2, "gone"), (3, "p")]
        self.attachments = [
            {"instanceId": f"ocid1.instance.{i}", "vnicId": f"ocid1.vnic.{vnic}", "lifecycleState": "ATTACHED"}
            for i, vnic in attached
        ] + [{"instanceId": "ocid1.instance.2", "vnicId": "ocid1.vnic.p", "lifecycleState": "DETACHED"}]
        self.denied: set[str] = set()
        api.routes = {
            "/20160918/compartments": self._signed(self._compartments),
            INSTANCES: self._signed(lambda request: self._page(request, self.instances)),
            ATTACHMENTS: self._signed(lambda request: self._page(request, {CHILD: self.attachments})),
            **{f"/20160918/vnics/{quote(name)}": self._signed(lambda _, v=vnic: v) for name, vnic in VNICS.items()},
        }

    def _signed(self, answer: Callable[[web.BaseRequest], Any]) -> Callable[[web.BaseRequest], Awaitable[Any]]:
        async def handle(request: web.BaseRequest) -> Any:
            check_signature(request)
            return answer(request)

        return handle

    def _compartments(self, request: web.BaseRequest) -> Any:
        assert request.query["compartmentId"] == ROOT and request.query["compartmentIdInSubtree"] == "true"
        return self.compartments

    def _page(self, request: web.BaseRequest, lists: dict[str, list[dict[str, Any]]]) -> web.Response:
        """One element a page."""
        compartment, at = request.query["compartmentId"], int(request.query.get("page", 0))
        if compartment in self.denied:
            return web.Response(status=404)
        found = lists.get(compartment, [])
        headers = {"opc-next-page": str(at + 1)} if at + 1 < len(found) else None
        return web.json_response(found[at : at + 1], headers=headers)


def key_file(path: Path, passphrase: str = "") -> str:
    sealed = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    text = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    (path / "key.pem").write_bytes(text)
    return str(path / "key.pem")


def make(key: str, url: str, more: str = "", region: str = "eu-frankfurt-1") -> MakeProvider:
    text = f"oci_sd_configs: [{{tenancy: '{ROOT}', user: user, fingerprint: 'aa:bb', region: {region}, "
    (section,) = load(DiscoveryConfigs, f"{text}key_file: '{key}', port: 9100{more}}}]", "f.yml").each()
    return lambda metrics, clock: OciProvider(section, "job", metrics, clock, base_url=url)  # type: ignore[arg-type]  # the section's class


async def test_instances_of_all_compartments_live_and_come_page_by_page(tmp_path: Path) -> None:
    async with fake_api() as api:
        cloud = Cloud(api)

        def change() -> None:
            cloud.instances[CHILD] = [INSTANCE]

        await live(make(key_file(tmp_path), api.url), api, change, [LABELS, BARE], [LABELS])


async def test_compartments_that_are_named_are_the_only_ones_asked_for(tmp_path: Path) -> None:
    async with fake_api() as api:
        Cloud(api)
        async with Life(make(key_file(tmp_path), api.url, f", compartments: ['{CHILD}', empty]")) as life:
            assert life.targets() == [LABELS, BARE]
            assert sorted(life.groups) == ["OCI_empty", f"OCI_{CHILD}"]
        assert not any("/compartments" in asked for asked in api.asked())


async def test_a_compartment_that_may_not_be_seen_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with fake_api() as api:
        Cloud(api).denied.add(ROOT)
        async with Life(make(key_file(tmp_path), api.url)) as life:
            assert life.targets() == [LABELS, BARE] and life.failures == 0
    assert f"compartment {ROOT} is left out: the server answered 404" in caplog.text


async def test_a_sealed_key_is_opened_with_its_passphrase_and_read_anew_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    word = tmp_path / "word"
    word.write_text("wrong\n")
    async with fake_api() as api:
        Cloud(api)
        key = key_file(tmp_path, "open")
        async with Life(make(key, api.url, f", key_passphrase_file: '{word}'")) as life:
            assert (life.targets(), life.failures) == ([], 1)
            assert "the private key is not an RSA key in PEM form with this password" in caplog.text
            word.write_text("open\n")
            await life.next()
            assert life.targets() == [LABELS, BARE]
        async with Life(make(key, api.url, ", key_passphrase: open")) as life:
            assert life.targets() == [LABELS, BARE]


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-frankfurt-1", "iaas.eu-frankfurt-1.oraclecloud.com"), ("us-luke-1", "iaas.us-luke-1.oraclegovcloud.com")],
)
def test_each_region_has_its_hosts(region: str, host: str) -> None:
    provider = make("key.pem", "", region=region)(DiscoveryMetrics(Registry()), FakeClock())
    assert isinstance(provider, OciProvider)
    assert provider._url("iaas", "instances", {"a": "b c"}) == f"https://{host}/20160918/instances?a=b+c"
