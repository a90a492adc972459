"""/targets, metadata, /rules, /alerts and status."""

from __future__ import annotations

import pytest

from narthex.web.context import WebSettings
from narthex.web.targets import global_url

from .conftest import Web


async def test_targets_are_filtered_by_state_and_pool(web: Web) -> None:
    data = (await web.json("targets"))["data"]
    assert [t["scrapePool"] for t in data["activeTargets"]] == ["a", "b"]
    first, second = data["activeTargets"]
    assert first["globalUrl"] == "http://pro.example:9100/metrics"
    assert (first["lastScrape"], first["scrapeInterval"]) == ("2023-11-14T22:13:17.25Z", "15s")
    assert second["lastScrape"] == "0001-01-01T00:00:00Z"
    assert data["droppedTargets"][0]["discoveredLabels"]["__address__"] == "x:1"
    assert data["droppedTargetCounts"] == {"a": 1, "b": 0}
    only = (await web.json("targets", state="active", scrapePool="b"))["data"]
    assert [t["scrapePool"] for t in only["activeTargets"]] == ["b"] and only["droppedTargets"] == []
    assert (await web.json("targets", state="foo"))["data"]["activeTargets"] == []


async def test_thousands_of_targets_come_in_pieces_and_whole(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    source = web.context.targets
    assert source is not None
    active, dropped = list(source.active()), list(source.dropped())
    few = (await web.json("targets"))["data"]
    monkeypatch.setattr(source, "active", lambda: active * 701)
    monkeypatch.setattr(source, "dropped", lambda: dropped * 200)
    many = (await web.json("targets"))["data"]
    assert many["activeTargets"] == few["activeTargets"] * 701
    assert many["droppedTargets"] == few["droppedTargets"] * 200
    assert (await web.json("targets", state="dropped"))["data"]["activeTargets"] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.1:9100/metrics", "http://10.0.0.1:9100/metrics"),
        ("http://localhost:9090/metrics", "https://pro.example/metrics"),
        ("http://[::1]:80/m?x=1", "http://pro.example:80/m?x=1"),
        ("https://127.0.0.1/metrics", "https://pro.example/metrics"),
    ],
)
def test_local_targets_are_shown_under_the_external_host(url: str, shown: str) -> None:
    assert global_url(url, WebSettings("https://pro.example/", listen_port=9090)) == shown


async def test_metadata_is_unique_and_limited(web: Web) -> None:
    data = (await web.json("metadata"))["data"]
    assert list(data) == ["up_total", "temp"]
    assert [e["help"] for e in data["up_total"]] == ["help of a", "help of b"] and len(data["temp"]) == 1
    assert list((await web.json("metadata", limit=1))["data"]) == ["up_total"]
    assert (await web.json("metadata", limit=0))["data"] == {}
    assert len((await web.json("metadata", limit_per_metric=1, metric="up_total"))["data"]["up_total"]) == 1
    assert (await web.json("metadata", limit="x"))["error"] == "limit must be a number"
    per_target = (await web.json("targets/metadata", match_target="nothing"))["data"]
    assert per_target == []
    assert len((await web.json("targets/metadata", limit=3))["data"]) == 3
    named = (await web.json("targets/metadata", metric="temp"))["data"]
    assert len(named) == 2 and "metric" not in named[0]


async def test_rules_are_filtered(web: Web) -> None:
    groups = (await web.json("rules"))["data"]["groups"]
    assert [(g["name"], len(g["rules"])) for g in groups] == [("g1", 2), ("g2", 1)]
    alerting, recording = groups[0]["rules"]
    assert alerting["alerts"][0]["value"] == "2.5e-01" and alerting["alerts"][0]["activeAt"].endswith("Z")
    assert recording["lastError"] == "boom" and "labels" not in recording
    assert [g["name"] for g in (await web.json("rules", type="alert"))["data"]["groups"]] == ["g1"]
    assert (await web.json("rules", exclude_alerts="true"))["data"]["groups"][0]["rules"][0]["alerts"] == []
    assert [g["name"] for g in (await web.json("rules", **{"file[]": "r2.yml"}))["data"]["groups"]] == ["g2"]
    assert (await web.json("rules", **{"rule_name[]": "nope"}))["data"]["groups"] == []
    bad = await web.json("rules", type="foo")
    assert bad["error"] == 'invalid parameter "type": not supported value "foo"'


async def test_rule_groups_come_in_pages(web: Web) -> None:
    first = (await web.json("rules", group_limit=1))["data"]
    assert [g["name"] for g in first["groups"]] == ["g1"]
    second = (await web.json("rules", group_limit=1, group_next_token=first["groupNextToken"]))["data"]
    assert [g["name"] for g in second["groups"]] == ["g2"] and "groupNextToken" not in second
    assert "were rule groups changed?" in (await web.json("rules", group_limit=1, group_next_token="x"))["error"]
    assert "group_limit needs to be set" in (await web.json("rules", group_next_token="x"))["error"]


async def test_alerts_of_all_groups_are_listed(web: Web) -> None:
    alerts = (await web.json("alerts"))["data"]["alerts"]
    assert [a["labels"]["alertname"] for a in alerts] == ["Down"]
    assert (await web.json("alertmanagers"))["data"]["activeAlertmanagers"] == [{"url": "http://am:9093/api/v2/alerts"}]


async def test_storage_status_honours_its_limit(web: Web) -> None:
    assert len((await web.json("status/tsdb", limit=1))["data"]["seriesCountByMetricName"]) == 1
    for limit in ("x", "0", "10001"):
        assert (await web.json("status/tsdb", limit=limit))["errorType"] == "bad_data"
