from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from narthex.config.http_client import HTTPClientConfig
from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import GlobalConfig, ScrapeConfig
from narthex.errors import HTTPClientError
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.scrape import Manager
from narthex.scrape.failure_log import FailureLog
from support.clock import FakeClock
from support.memory_storage import MemoryStorage
from support.scrape import job


def group(*addresses: str, source: str = "s", **labels: str) -> TargetGroup:
    return TargetGroup(source, tuple({"__address__": a} for a in addresses), labels)


class Server:
    def __init__(self) -> None:
        self.clock, self.registry = FakeClock(), Registry()
        self.manager = Manager(MemoryStorage(), self.clock, self.registry, hostname="here")

    async def apply(self, *jobs: ScrapeConfig, **settings: Any) -> None:
        await self.manager.apply_config(GlobalConfig(**settings), jobs)

    def urls(self) -> list[str]:
        return [target.url for target in self.manager.active()]

    def metric(self, line: str) -> float:
        text = self.registry.expose().decode()
        return next(float(x.rsplit(" ", 1)[1]) for x in text.splitlines() if x.startswith(f"prometheus_target_{line} "))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    await server.manager.stop()


async def test_targets_of_a_job_come_and_go_and_the_others_stay_the_same_objects(server: Server) -> None:
    await server.apply(job())
    await server.manager.update({"test": [group("a:1", "b:1"), group("b:1", "c:1", source="other")]})
    before = {target.url: target for target in server.manager.active()}
    assert sorted(before) == ["http://a:1/metrics", "http://b:1/metrics", "http://c:1/metrics"]
    await server.manager.update({"test": [group("c:1", "d:1")]})
    after = {target.url: target for target in server.manager.active()}
    assert sorted(after) == ["http://c:1/metrics", "http://d:1/metrics"]
    assert after["http://c:1/metrics"] is before["http://c:1/metrics"]
    assert server.metric('scrape_pool_targets{scrape_job="test"}') == 2
    assert server.metric('scrape_pool_sync_total{scrape_job="test"}') == 2


async def test_a_group_that_is_the_same_object_is_not_looked_into_again(server: Server) -> None:
    await server.apply(job())
    stays = group("a:1", source="one")
    await server.manager.update({"test": [stays, group("b:1", source="two")]})
    before = {target.url: target.discovered_labels for target in server.manager.active()}
    await server.manager.update({"test": [stays, group("b:1", source="two", zone="x")]})
    after = {target.url: target.discovered_labels for target in server.manager.active()}
    assert after["http://a:1/metrics"] is before["http://a:1/metrics"]
    assert after["http://b:1/metrics"]["zone"] == "x"


async def test_failures_of_a_group_that_stays_are_counted_at_each_sync_and_logged_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.apply(job())
    stays = group("a/b", source="one")
    for _ in range(3):
        await server.manager.update({"test": [stays]})
    assert server.metric('sync_failed_total{scrape_job="test"}') == 3
    assert caplog.text.count("not a valid hostname") == 1


async def test_many_groups_are_looked_into_with_turns_for_others(server: Server) -> None:
    await server.apply(job())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await server.manager.update({"test": [group(f"a{i}:1", source=str(i)) for i in range(320)]})
    task.cancel()
    assert turns >= 10
    assert len(server.urls()) == 320


async def test_groups_that_come_before_the_configuration_are_kept_for_it(server: Server) -> None:
    await server.manager.update({"test": [group("a:1")]})
    assert server.urls() == []
    await server.apply(job())
    assert server.urls() == ["http://a:1/metrics"]


async def test_a_reload_leaves_unchanged_jobs_alone_and_carries_state_over_for_others(server: Server) -> None:
    await server.apply(job(), job(job_name="other"))
    await server.manager.update({"test": [group("a:1")], "other": [group("x:1")]})
    unchanged, changed = {t.pool: t for t in server.manager.active()}, server.manager.active()
    changed[1].report("it was down", 5.0, 0.1)
    await server.apply(job(scrape_interval=20_000), job(job_name="other"))
    now = {t.pool: t for t in server.manager.active()}
    assert now["other"] is unchanged["other"]
    assert now["test"] is not unchanged["test"]
    assert (now["test"].interval, now["test"].last_error) == (20_000, "it was down")
    assert now["test"].cache is unchanged["test"].cache
    assert server.metric("scrape_pool_reloads_total") == 1


async def test_a_change_of_sample_labels_starts_with_a_fresh_cache(server: Server) -> None:
    await server.apply(job())
    await server.manager.update({"test": [group("a:1")]})
    cache = server.manager.active()[0].cache
    await server.apply(job(honor_labels=True))
    assert server.manager.active()[0].cache is not cache


async def test_a_job_that_is_gone_takes_its_targets_and_metrics_along(server: Server) -> None:
    await server.apply(job(), job(job_name="other"))
    await server.manager.update({"test": [group("a:1")], "other": [group("x:1")]})
    await server.apply(job(job_name="other"))
    assert (server.manager.pools(), server.urls()) == (["other"], ["http://x:1/metrics"])
    assert b'scrape_job="test"' not in server.registry.expose()


async def test_dropped_targets_are_counted_and_remembered_up_to_a_limit(server: Server) -> None:
    drop = RelabelConfig(source_labels=["__address__"], regex="drop.*", action="drop")
    await server.apply(job(relabel_configs=[drop], keep_dropped_targets=2))
    await server.manager.update({"test": [group("drop1:1", "drop2:1", "drop3:1", "keep:1")]})
    assert server.urls() == ["http://keep:1/metrics"]
    assert [t.discovered_labels["__address__"] for t in server.manager.dropped()] == ["drop1:1", "drop2:1"]
    assert server.manager.dropped_counts() == {"test": 3}


async def test_a_target_of_no_use_is_logged_and_counted_and_the_others_go_on(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.apply(job())
    await server.manager.update({"test": [group("bad:port", "good:1")]})
    assert server.urls() == ["http://good:1/metrics"]
    assert server.metric('sync_failed_total{scrape_job="test"}') == 1
    assert "target 0 of group s" in caplog.text


async def test_too_many_targets_put_the_whole_pool_down(server: Server) -> None:
    await server.apply(job(target_limit=1))
    await server.manager.update({"test": [group("a:1", "b:1")]})
    await server.clock.advance(10)
    assert {t.last_error for t in server.manager.active()} == {"target_limit exceeded (number of targets: 2, limit: 1)"}
    assert server.metric("scrape_pool_exceeded_target_limit_total") == 1
    await server.manager.update({"test": [group("a:1")]})
    assert [running.loop.forced_error for running in server.manager._pools["test"]._running.values()] == [""]


async def test_a_job_with_http_settings_of_no_use_is_reported_and_the_others_run(server: Server) -> None:
    broken = job(job_name="broken", http_client=HTTPClientConfig(http_headers={"X": {"values": ["a\nb"]}}))
    await server.manager.update({"broken": [group("a:1")], "test": [group("b:1")]})
    with pytest.raises(HTTPClientError, match="job broken: "):
        await server.apply(broken, job())
    assert server.urls() == ["http://b:1/metrics"]
    assert server.metric("scrape_pools_failed_total") == 1


async def test_failed_scrapes_are_written_to_the_failure_log(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "failures.log"
    await server.apply(job(target_limit=1, scrape_failure_log_file=str(path)))
    await server.manager.update({"test": [group("a:1", "b:1")]})
    await server.clock.advance(10)
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert '"job_name":"test","target":"http://' in lines[0]
    assert "target_limit exceeded" in lines[0]


def test_the_failure_log_is_reopened_after_rotation_and_survives_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "failures.log"
    log = FailureLog(str(path), FakeClock())
    log.write("j", "t", "one")
    path.rename(tmp_path / "old.log")
    log.reopen()
    log.write("j", "t", "two")
    log.close()
    assert ("one" in path.read_text(), "two" in path.read_text()) == (False, True)
    FailureLog(str(tmp_path / "no" / "where"), FakeClock()).write("j", "t", "lost")
    assert "cannot open the scrape failure log" in caplog.text
