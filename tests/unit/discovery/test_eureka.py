from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.sd.cluster import EurekaSDConfig
from narthex.config.strict import load
from narthex.discovery.eureka import EurekaProvider
from narthex.discovery.xml_tree import MAX_DEPTH, parse_tree
from narthex.errors import HTTPClientError
from unit.discovery.api import fake_api, live

APPS = b"""<?xml version="1.0" encoding="UTF-8"?>
<applications>
  <versions__delta>1</versions__delta>
  <application>
    <name>CONFIG-SERVICE</name>
    <instance>
      <instanceId>config-service001.test.com:config-service:8080</instanceId>
      <hostName>config-service001.test.com</hostName>
      <app>CONFIG-SERVICE</app>
      <ipAddr>192.133.83.31</ipAddr>
      <status>UP</status>
      <port enabled="true">8080</port>
      <securePort enabled="false">8443</securePort>
      <countryId>1</countryId>
      <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo">
        <name>MyOwn</name>
        <metadata><availability-zone>eu-1</availability-zone></metadata>
      </dataCenterInfo>
      <metadata>
        <management.port>8090</management.port>
        <note a=">">R&amp;D <b>x</b></note>
        <none/>
      </metadata>
      <homePageUrl>http://config-service001.test.com:8080/</homePageUrl>
      <statusPageUrl>http://config-service001.test.com:8080/info</statusPageUrl>
      <healthCheckUrl>http://config-service001.test.com 8080/health</healthCheckUrl>
      <vipAddress>config-service</vipAddress>
    </instance>
    <instance><hostName>bare</hostName></instance>
  </application>
</applications>"""
P = "__meta_eureka_app_instance_"
FULL = {
    "__address__": "config-service001.test.com:8080",
    "instance": "config-service001.test.com:config-service:8080",
    "__meta_eureka_app_name": "CONFIG-SERVICE",
    f"{P}hostname": "config-service001.test.com",
    f"{P}homepage_url": "http://config-service001.test.com:8080/",
    f"{P}statuspage_url": "http://config-service001.test.com:8080/info",
    f"{P}healthcheck_url": "http://config-service001.test.com 8080/health",
    f"{P}ip_addr": "192.133.83.31",
    f"{P}vip_address": "config-service",
    f"{P}secure_vip_address": "",
    f"{P}status": "UP",
    f"{P}port": "8080",
    f"{P}port_enabled": "true",
    f"{P}secure_port": "8443",
    f"{P}secure_port_enabled": "false",
    f"{P}country_id": "1",
    f"{P}id": "config-service001.test.com:config-service:8080",
    f"{P}datacenterinfo_name": "MyOwn",
    f"{P}datacenterinfo_metadata_availability_zone": "eu-1",
    f"{P}metadata_management_port": "8090",
    f"{P}metadata_note": "R&amp;D <b>x</b>",
    f"{P}metadata_none": "",
}
BARE = {
    "__address__": "bare:80",
    "instance": "",
    "__meta_eureka_app_name": "CONFIG-SERVICE",
    f"{P}hostname": "bare",
    f"{P}country_id": "0",
    **{
        f"{P}{name}": ""
        for name in (
            "homepage_url", "statuspage_url", "healthcheck_url", "ip_addr", "vip_address", "secure_vip_address",
            "status", "id",
        )
    },
}  # fmt: skip


async def test_instances_live_with_their_metadata_as_it_is_written() -> None:
    async with fake_api() as api:
        api.routes = {"/eureka/v2/apps": APPS}
        section = load(EurekaSDConfig, f"{{server: '{api.url}/eureka/v2', refresh_interval: 1m}}", "f.yml")
        await live(
            lambda metrics, clock: EurekaProvider(section, "job", metrics, clock),
            api,
            lambda: api.routes.update({"/eureka/v2/apps": b"<applications/>"}),
            [BARE, FULL],
            [],
        )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'cc'>]><a>&b;</a>", "DOCTYPE"),
        ("<a>ü</a>".encode("utf-16"), "UTF-8"),
        (b"<a><b></a>", "mismatched tag"),
        (b"", "no element found"),
        (b"<a>" * (MAX_DEPTH + 1), "deeper"),
    ],
)
def test_xml_that_is_broken_or_could_grow_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(HTTPClientError, match=words):
        parse_tree(body)


@given(st.text(alphabet="<>/=ab '\"&;!-[]?", max_size=60))
def test_any_text_is_a_tree_or_a_failure_that_is_expected(text: str) -> None:
    try:
        root = parse_tree(f"<a>{text}</a>".encode())
    except HTTPClientError:
        return
    assert root.inner == text
