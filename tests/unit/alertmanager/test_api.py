from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from narthex.alertmanager.service import Alertmanager
from narthex.errors import ConfigError
from narthex.instrument import Registry
from narthex.model.rfc3339 import format_rfc3339
from support.clock import FakeClock

CONFIG = """
route:
  receiver: default
  group_by: [alertname]
  routes:
    - matchers: [team=x]
      receiver: team-x
inhibit_rules:
  - source_matchers: [severity=critical]
    target_matchers: [severity=warning]
    equal: [cluster]
receivers:
  - name: default
  - name: team-x
    webhook_configs:
      - url: http://127.0.0.1:1/secret-path
"""
NOW = 1_700_000_000.0


class Running:
    def __init__(self, client: TestClient[web.Request, web.Application], manager: Alertmanager, file: Path) -> None:
        self.client, self.manager, self.file = client, manager, file

    async def get(self, path: str) -> Any:
        response = await self.client.get(f"/api/v2/{path}")
        assert response.status == 200, await response.text()
        return await response.json()

    async def post(self, alerts: Any) -> tuple[int, str]:
        response = await self.client.post("/api/v2/alerts", json=alerts)
        return response.status, await response.text()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    file = tmp_path / "alertmanager.yml"
    file.write_text(CONFIG)
    manager = Alertmanager(file, "http://am", 432_000, 1800, FakeClock(NOW), Registry())
    await manager.start()
    application = web.Application()
    application.add_routes(manager.api.routes(""))
    async with TestClient(TestServer(application)) as client:
        yield Running(client, manager, file)
    await manager.stop()


def alert(**labels: str) -> dict[str, Any]:
    return {"labels": labels, "annotations": {"summary": "s"}, "generatorURL": "http://x/"}


async def test_a_posted_alert_is_listed_with_its_receivers(running: Running) -> None:
    assert await running.post([alert(alertname="A", team="x")]) == (200, "")
    (shown,) = await running.get("alerts")
    assert shown["receivers"] == [{"name": "team-x"}]
    assert shown["status"] == {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"}
    assert shown["startsAt"] == shown["updatedAt"] == format_rfc3339(NOW, milliseconds=True)
    assert shown["endsAt"] == format_rfc3339(NOW + 300, milliseconds=True)


async def test_alerts_can_be_filtered_by_matchers_receiver_and_state(running: Running) -> None:
    await running.post(
        [
            alert(alertname="A", severity="critical", cluster="c"),
            alert(alertname="B", severity="warning", cluster="c"),
            alert(alertname="C", team="x"),
        ]
    )

    async def names(query: str) -> list[str]:
        return sorted(a["labels"]["alertname"] for a in await running.get(f"alerts{query}"))

    assert await names("") == ["A", "B", "C"]
    assert await names("?filter=alertname%3D~%22A|C%22") == ["A", "C"]
    assert await names("?filter=team%3D%22%22") == ["A", "B"]
    assert await names("?receiver=team-.*") == ["C"]
    assert await names("?inhibited=false") == ["A", "C"]
    assert await names("?active=false") == ["B"]


async def test_groups_show_live_alerts_under_their_labels(running: Running) -> None:
    await running.post([alert(alertname="A", n="1"), alert(alertname="A", n="2"), alert(alertname="B")])
    groups = await running.get("alerts/groups")
    assert [(g["labels"], g["receiver"], len(g["alerts"])) for g in groups] == [
        ({"alertname": "A"}, {"name": "default"}, 2),
        ({"alertname": "B"}, {"name": "default"}, 1),
    ]


async def test_valid_alerts_of_a_bad_batch_are_kept(running: Running) -> None:
    bad_time = {**alert(alertname="B"), "startsAt": "yesterday"}
    backwards = {**alert(alertname="C"), "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}
    status, text = await running.post([alert(alertname="A"), {"labels": {}}, bad_time, backwards])
    assert status == 400
    for reason in ("alerts.1: at least one label pair", "alerts.2.startsAt", "alerts.3: start time must be before"):
        assert reason in text
    assert [a["labels"]["alertname"] for a in await running.get("alerts")] == ["A"]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"{}", 422), (b"[1]", 400), (b"[]", 200)])
async def test_bodies_that_are_not_alerts_are_refused(running: Running, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    response = await running.client.post("/api/v2/alerts", data=body, headers=headers)
    assert response.status == status


async def test_other_media_types_and_the_old_api_are_refused(running: Running) -> None:
    response = await running.client.post("/api/v2/alerts", data=b"[]", headers={"Content-Type": "text/plain"})
    assert response.status == 415
    assert (await running.client.get("/api/v1/alerts")).status == 410


async def test_status_shows_the_configuration_without_secrets(running: Running) -> None:
    original = (await running.get("status"))["config"]["original"]
    assert "team-x" in original
    assert "secret-path" not in original


async def test_a_failed_reload_keeps_the_old_configuration(running: Running) -> None:
    await running.post([alert(alertname="A")])
    running.file.write_text("route: {}")
    with pytest.raises(ConfigError):
        await running.manager.load()
    assert [r["name"] for r in await running.get("receivers")] == ["default", "team-x"]
    running.file.write_text("route: {receiver: new}\nreceivers: [{name: new}]")
    await running.manager.load()
    assert (await running.get("alerts"))[0]["receivers"] == [{"name": "new"}]
