from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from narthex.config.sd.cluster import KumaSDConfig
from narthex.config.strict import load
from narthex.discovery.kuma import TYPE, KumaProvider
from unit.discovery.api import Life, fake_api

ASSIGNMENT: dict[str, Any] = {
    "@type": TYPE,
    "mesh": "metrics",
    "service": "prometheus",
    "targets": [
        {
            "name": "prometheus-01",
            "scheme": "http",
            "address": "10.1.4.32:9090",
            "metricsPath": "/custom-metrics",
            "labels": {"kuma.io/protocol": "http", "team": "lost"},
        }
    ],
    "labels": {"team": "infra"},
}
LABELS = {
    "__address__": "10.1.4.32:9090",
    "__metrics_path__": "/custom-metrics",
    "__scheme__": "http",
    "instance": "prometheus-01",
    "__meta_kuma_dataplane": "prometheus-01",
    "__meta_kuma_label_kuma_io_protocol": "http",
    "__meta_kuma_label_team": "infra",
    "__meta_kuma_mesh": "metrics",
    "__meta_kuma_service": "prometheus",
}
PATH = "/v3/discovery:monitoringassignments"


async def test_a_mesh_is_followed_by_version_and_errors_keep_what_is_known() -> None:
    state: dict[str, Any] = {"versionInfo": "v1", "nonce": "n1", "typeUrl": TYPE, "resources": [ASSIGNMENT]}

    async def fetch(request: web.BaseRequest) -> Any:
        known = orjson.loads(api.requests[-1][1]).get("version_info")
        return web.Response(status=304) if known == state["versionInfo"] else state

    async with fake_api() as api:
        api.routes[PATH] = fetch
        section = load(KumaSDConfig, f"{{server: '{api.url}/', client_id: me, refresh_interval: 60s}}", "f.yml")
        async with Life(lambda metrics, clock: KumaProvider(section, "job", metrics, clock)) as life:
            assert life.targets() == [LABELS]
            await life.next()
            assert life.published == 1
            api.status = 500
            await life.next()
            api.status = 200
            state |= {"versionInfo": "v2", "resources": [{**ASSIGNMENT, "@type": "type.googleapis.com/other"}]}
            await life.next()
            assert (life.published, life.targets()) == (1, [LABELS])
            state |= {"versionInfo": "v3", "resources": []}
            await life.next()
            assert (life.published, life.targets()) == (2, [])
            metrics = life.registry.expose().decode()
        assert api.asked()[0] == f"{PATH}?fetch-timeout=2m"
        bodies = [orjson.loads(body) for _, body in api.requests]
        assert bodies[0] == {"type_url": TYPE, "node": {"id": "me"}}
        assert bodies[1] == bodies[0] | {"version_info": "v1", "response_nonce": "n1"}
    assert "prometheus_sd_kuma_fetch_failures_total 2\n" in metrics
    assert "prometheus_sd_kuma_fetch_skipped_updates_total 1\n" in metrics
    assert "prometheus_sd_kuma_fetch_duration_seconds_count 5\n" in metrics
