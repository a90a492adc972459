from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest
from aiohttp import web

from narthex.config.sd.hosters import UyuniSDConfig
from narthex.config.strict import load
from narthex.discovery.uyuni import UyuniProvider
from unit.discovery.api import FakeApi, Life, fake_api

P = "__meta_uyuni_"
LABELS = {
    "__address__": "client.hostname:9100",
    f"{P}minion_hostname": "client.hostname",
    f"{P}primary_fqdn": "client.fqdn",
    f"{P}system_id": "1000010000",
    f"{P}groups": "one|two",
    f"{P}endpoint_name": "ep",
    f"{P}exporter": "node_exporter",
    f"{P}proxy_module": "mod",
    f"{P}metrics_path": "/metrics",
    f"{P}scheme": "https",
}


class Uyuni:
    def __init__(self, api: FakeApi) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.expired = False
        self.endpoints: list[dict[str, Any]] = [
            {
                "system_id": 1000010000,
                "endpoint_name": "ep",
                "port": 9100,
                "path": "/metrics",
                "module": "mod",
                "exporter_name": "node_exporter",
                "tls_enabled": True,
            }
        ]
        self._api = api
        api.routes["/rpc/api"] = self._answer

    async def _answer(self, _: web.BaseRequest) -> web.Response:
        arguments, method = xmlrpc.client.loads(self._api.requests[-1][1])
        assert method is not None
        self.calls.append((method, arguments))
        result: Any
        if self.expired and method != "auth.login":
            self.expired = False
            result = xmlrpc.client.Fault(2950, "Could not find session")
        else:
            answers: dict[str, Any] = {
                "auth.login": "token",
                "system.listSystemGroupsForSystemsWithEntitlement": [
                    {"id": 1000010000, "system_groups": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]}
                ],
                "system.monitoring.listEndpoints": self.endpoints,
                "system.getNetworkForSystems": [
                    {"system_id": 1000010000, "hostname": "client.hostname", "primary_fqdn": "client.fqdn", "ip": "1"}
                ],
            }
            result = (answers[method],)
        return web.Response(text=xmlrpc.client.dumps(result, methodresponse=True), content_type="text/xml")


async def test_exporters_live_and_a_session_that_ended_is_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        uyuni = Uyuni(api)
        text = f"{{server: '{api.url}', username: u, password: p, separator: '|', refresh_interval: 60s}}"
        section = load(UyuniSDConfig, text, "f.yml")
        async with Life(lambda metrics, clock: UyuniProvider(section, "job", metrics, clock)) as life:
            assert life.targets() == [LABELS]
            await life.next()
            assert [method for method, _ in uyuni.calls].count("auth.login") == 1
            uyuni.expired = True
            await life.next()
            assert (life.targets(), life.failures) == ([LABELS], 1)
            uyuni.endpoints = []
            await life.next()
            assert life.targets() == []
        assert [arguments for method, arguments in uyuni.calls if method == "auth.login"] == [("u", "p", 600)] * 2
        assert uyuni.calls[1][1] == ("token", "monitoring_entitled")
    assert "Could not find session (code 2950)" in caplog.text


@pytest.mark.parametrize("body", [b"<methodResponse/>", b"nonsense", b"<!DOCTYPE a><a/>", b""])
async def test_an_answer_that_is_no_xml_rpc_is_a_failure(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        api.routes["/rpc/api"] = body
        section = load(UyuniSDConfig, f"{{server: '{api.url}', username: u, password: p}}", "f.yml")
        async with Life(lambda metrics, clock: UyuniProvider(section, "job", metrics, clock)) as life:
            assert life.failures == 1
    assert "cannot be used" in caplog.text
    assert "Traceback" not in caplog.text
