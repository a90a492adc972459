from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from narthex.clock import Clock
from narthex.config.discovery import DiscoveryConfigs
from narthex.config.sd.cloud import OCISDConfig
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


def check_signature(request: web.BaseRequest, key_id: str, key: rsa.RSAPublicKey, signed: str) -> None:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"].removeprefix("Signature ")))
    assert (fields["keyId"], fields["algorithm"], fields["headers"]) == (key_id, "rsa-sha256", signed)
    values = {name: request.headers.get(name) for name in signed.split()}
    values["(request-target)"] = f"{request.method.lower()} {request.rel_url.raw_path_qs}"
    assert values["date"] is not None
    assert re.fullmatch(r"Tue, 14 Nov 2023 22:[12]\d:20 GMT", values["date"]), "the time is that of the clock"
    text = "\n".join(f"{name}: {values[name]}" for name in fields["headers"].split())
    key.verify(base64.b64decode(fields["signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())


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
        self.key_id, self.key = f"{ROOT}/user/aa:bb", KEY.public_key()
        api.routes = {
            "/20160918/compartments": self._signed(self._compartments),
            INSTANCES: self._signed(lambda request: self._page(request, self.instances)),
            ATTACHMENTS: self._signed(lambda request: self._page(request, {CHILD: self.attachments})),
            **{f"/20160918/vnics/{quote(name)}": self._signed(lambda _, v=vnic: v) for name, vnic in VNICS.items()},
        }

    def _signed(self, answer: Callable[[web.BaseRequest], Any]) -> Callable[[web.BaseRequest], Awaitable[Any]]:
        async def handle(request: web.BaseRequest) -> Any:
            check_signature(request, self.key_id, self.key, "date (request-target) host")
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


class Principal:
    """The metadata service of an instance, and the service that gives tokens for its certificate."""

    def __init__(self, api: FakeApi, cloud: Cloud) -> None:
        self._cloud, self._api = cloud, api
        self.tokens, self.status = 0, 200
        self.certificate = self._certificate()
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        key = KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        for name, text in (("cert", pem), ("key", key), ("intermediate", pem)):
            api.routes[f"/opc/v2/identity/{name}.pem"] = self._served(text)
        api.routes["/v1/x509"] = self._federate

    def _certificate(self) -> x509.Certificate:
        names = ((NameOID.COMMON_NAME, "ocid1.instance"), (NameOID.ORGANIZATIONAL_UNIT_NAME, f"opc-tenant:{ROOT}"))
        subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
        begin = datetime(2023, 11, 14, tzinfo=UTC)
        builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 1, begin, begin + timedelta(days=1))
        return builder.sign(KEY, hashes.SHA256())

    def _served(self, text: bytes) -> Callable[[web.BaseRequest], Awaitable[bytes]]:
        async def serve(request: web.BaseRequest) -> bytes:
            assert request.headers["Authorization"] == "Bearer Oracle"
            return text

        return serve

    async def _federate(self, request: web.BaseRequest) -> web.Response:
        if self.status != 200:
            return web.json_response({"code": "NotAuthenticated"}, status=self.status)
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        name = self.certificate.fingerprint(hashes.SHA1()).hex(":").upper()
        signed = "date (request-target) content-length content-type x-content-sha256"
        check_signature(request, f"{ROOT}/fed-x509/{name}", KEY.public_key(), signed)
        body = self._api.requests[-1][1]
        assert request.headers["x-content-sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
        document = orjson.loads(body)
        assert (
            base64.b64decode(document["certificate"]) == base64.b64decode(*document["intermediateCertificates"]) == der
        )
        self.tokens += 1
        claims = orjson.dumps({"exp": 1_700_000_000 + 1200 * self.tokens, "n": self.tokens})
        token = f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s"
        key = serialization.load_der_public_key(base64.b64decode(document["publicKey"]))
        assert isinstance(key, rsa.RSAPublicKey)
        self._cloud.key_id, self._cloud.key = f"ST${token}", key
        return web.json_response({"token": token})


async def test_an_instance_shows_its_certificate_and_signs_with_the_token_it_gets_until_half_its_life(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "oci_sd_configs: [{auth: instance_principal, region: eu-frankfurt-1, port: 9100}]"
    (section,) = load(DiscoveryConfigs, text, "f.yml").each()

    def make(metrics: DiscoveryMetrics, clock: Clock) -> OciProvider:
        assert isinstance(section, OCISDConfig)
        return OciProvider(section, "job", metrics, clock, base_url=api.url, metadata_url=f"{api.url}/opc/v2")

    async with fake_api() as api:
        cloud = Cloud(api)
        principal = Principal(api, cloud)
        principal.status = 401
        async with Life(make) as life:
            assert (life.targets(), life.failures) == ([], 1)
            principal.status = 200
            await life.next()
            assert (life.targets(), principal.tokens) == ([LABELS, BARE], 1)
            cloud.instances[CHILD] = [INSTANCE]
            await life.next()
            assert (life.targets(), principal.tokens) == ([LABELS], 1)
            for _ in range(10):
                await life.next()
            assert (life.targets(), life.failures, principal.tokens) == ([LABELS], 1, 2)
    assert "the OCI auth service answered 401 (NotAuthenticated)" in caplog.text
