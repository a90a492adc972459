from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from narthex.config.sd.cluster import MarathonSDConfig
from narthex.config.strict import load
from narthex.discovery.marathon import Apps, MarathonProvider, app_group
from narthex.discovery.payload import decode
from unit.discovery.api import FakeApi, Life, fake_api, live

APP: dict[str, Any] = {
    "id": "/shop/web",
    "labels": {"prometheus-on": "yes"},
    "tasks": [{"id": "web.1", "host": "mesos-1", "ports": [31000, 32000], "ipAddresses": [{"ipAddress": "10.0.0.7"}]}],
    "container": {
        "docker": {"image": "repo/image:tag"},
        "portMappings": [
            {"containerPort": 8080, "hostPort": 0, "labels": {"metrics.path": "/m"}},
            {"containerPort": 8081, "hostPort": 1234},
        ],
    },
    "networks": [{"mode": "container/bridge"}],
}
COMMON = {
    "__meta_marathon_app": "/shop/web",
    "__meta_marathon_image": "repo/image:tag",
    "__meta_marathon_app_label_prometheus_on": "yes",
    "__meta_marathon_task": "web.1",
}
FIRST = [
    COMMON | {"__address__": "mesos-1:1234", "__meta_marathon_port_index": "1"},
    COMMON
    | {
        "__address__": "mesos-1:31000",
        "__meta_marathon_port_index": "0",
        "__meta_marathon_port_mapping_label_metrics_path": "/m",
    },
]


def config(api: FakeApi, more: str = "") -> MarathonSDConfig:
    return load(MarathonSDConfig, f"{{servers: ['{api.url}'], refresh_interval: 1m{more}}}", "f.yml")


def addresses(**app: Any) -> list[str]:
    (found,) = decode(Apps, orjson.dumps({"apps": [app]})).apps
    return [target["__address__"] for target in app_group(found).targets]


async def test_apps_live_as_groups_of_their_own(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    async with fake_api() as api:
        api.routes = {"/v2/apps/": {"apps": [APP, {"id": "/idle"}]}}
        section = config(api, f", auth_token_file: '{token}'")
        await live(
            lambda metrics, clock: MarathonProvider(section, "job", metrics, clock, rng=random.Random(1)),
            api,
            lambda: api.routes.update({"/v2/apps/": {"apps": [{"id": "/idle"}]}}),
            FIRST,
            [],
        )
        request = api.requests[0][0]
        assert (request.path_qs, request.headers["Authorization"]) == ("/v2/apps/?embed=apps.tasks", "token=one")


def test_ports_come_from_where_the_kind_of_network_puts_them() -> None:
    tasks = [{"id": "t", "host": "h", "ports": [31000], "ipAddresses": [{"ipAddress": "fd00::7"}]}]
    mapping = [{"containerPort": 80, "hostPort": 0}]
    in_container = {"tasks": tasks, "networks": [{"mode": "container"}]}
    assert addresses(**in_container, container={"portMappings": mapping}) == ["[fd00::7]:80"]
    assert addresses(tasks=tasks, container={"docker": {"portMappings": mapping}}) == ["h:31000"]
    assert addresses(tasks=tasks, portDefinitions=[{"port": 10000}]) == ["h:31000"]
    assert addresses(tasks=tasks, portDefinitions=[{"port": 10000}], requirePorts=True) == ["h:10000"]
    assert addresses(tasks=tasks) == ["h:31000"]
    assert addresses(tasks=[{"id": "t", "host": "h"}]) == []


async def test_an_answer_of_another_shape_is_a_failure_that_names_the_place(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        api.routes = {"/v2/apps/": {"apps": [{"id": "/a", "tasks": 5}]}}
        section = config(api)
        async with Life(lambda metrics, clock: MarathonProvider(section, "job", metrics, clock)) as life:
            assert (life.published, life.failures) == (0, 1)
    assert "apps.0.tasks" in caplog.text
