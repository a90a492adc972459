from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from narthex.config.discovery import DiscoveryConfigs
from narthex.config.strict import load
from narthex.discovery import DiscoveryManager, DiscoveryMetrics
from narthex.discovery.manager import Groups
from narthex.instrument.registry import Registry
from support.clock import FakeClock
from unit.net.servers import serve


class Bench:
    """A manager with a fake clock; `updates` are what it passed on, as set -> address -> labels."""

    def __init__(self) -> None:
        self.clock, self.registry = FakeClock(), Registry()
        self.updates: list[dict[str, dict[str, dict[str, str]]]] = []
        self.arrived = asyncio.Event()
        self.seconds = 0.0  # that an update takes
        self.manager = DiscoveryManager("scrape", self._take, metrics=DiscoveryMetrics(self.registry), clock=self.clock)

    async def _take(self, groups: Groups) -> None:
        update = {}
        for name, found in groups.items():
            update[name] = {t["__address__"]: {**g.labels, **t} for g in found for t in g.targets}
        self.updates.append(update)
        self.arrived.set()
        if self.seconds:
            await self.clock.sleep(self.seconds)

    async def apply(self, **sets: str) -> None:
        await self.manager.apply({name: load(DiscoveryConfigs, text, "f.yml") for name, text in sets.items()})

    async def until(self, holds: Callable[[dict[str, dict[str, dict[str, str]]]], bool]) -> None:
        """Lets work in threads and servers go on, and time pass, until an update fulfils the condition."""
        async with asyncio.timeout(10):
            while not (self.updates and holds(self.updates[-1])):
                await self.clock.advance(0.1)
                await asyncio.sleep(0.002)

    def metric(self, name: str) -> float:
        for line in self.registry.expose().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no metric {name}")


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    try:
        yield made
    finally:
        await made.manager.stop()


def addresses(update: dict[str, dict[str, dict[str, str]]], name: str = "job") -> list[str]:
    return sorted(update[name])


async def test_static_targets_arrive_at_once_with_their_labels_and_empty_sets_are_told_too() -> None:
    async with bench() as b:
        await b.apply(job="static_configs: [{targets: ['a:1', 'b:2'], labels: {x: y}}]", empty="")
        await b.clock.advance(0)
        assert b.updates == [
            {
                "job": {"a:1": {"__address__": "a:1", "x": "y"}, "b:2": {"__address__": "b:2", "x": "y"}},
                "empty": {},
            }
        ]
        assert b.metric('prometheus_sd_discovered_targets{name="scrape",config="job"}') == 2


@pytest.mark.parametrize(
    ("seconds", "most"),
    [(0.0, 101), (0.1, 22), (0.5, 6), (2.0, 3)],  # pauses of four times as long, 0.1 s to 5 s
)
async def test_changes_in_a_row_are_spread_out_by_what_an_update_costs(seconds: float, most: int) -> None:
    async with bench() as b:
        b.seconds = seconds
        for i in range(200):
            await b.apply(job=f"static_configs: [{{targets: ['a:{i}']}}]")
            await b.clock.advance(0.05)
        assert most / 2 <= len(b.updates) <= most
        assert b.metric('prometheus_sd_updates_delayed_total{name="scrape"}') >= len(b.updates) - 2
        await b.clock.advance(2 * seconds + 5)
        assert addresses(b.updates[-1]) == ["a:199"]


async def test_a_change_after_a_rest_is_told_at_once() -> None:
    async with bench() as b:
        b.seconds = 0.5
        await b.apply(job="static_configs: [{targets: ['a:1']}]")
        await b.clock.advance(10)
        await b.apply(job="static_configs: [{targets: ['a:2']}]")
        await b.clock.advance(0)
        assert addresses(b.updates[-1]) == ["a:2"]


async def test_a_set_that_goes_away_is_no_longer_told_and_loses_its_metrics() -> None:
    async with bench() as b:
        await b.apply(job="static_configs: [{targets: ['a:1']}]", other="")
        await b.clock.advance(10)
        await b.apply(other="")
        await b.clock.advance(10)
        assert b.updates[-1] == {"other": {}}
        assert 'config="job"' not in b.registry.expose().decode()


async def test_an_update_that_is_not_taken_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def refuse(groups: Groups) -> None:
        calls.append(groups)
        raise ValueError("not now")

    clock = FakeClock()
    manager = DiscoveryManager("x", refuse, metrics=DiscoveryMetrics(Registry()), clock=clock)
    for _ in range(2):
        await manager.apply({})
        await clock.advance(10)
    await manager.stop()
    assert len(calls) == 2
    assert "the update was not taken" in caplog.text


class TestFiles:
    async def test_files_are_read_by_pattern_and_carry_their_path(self, tmp_path: Path, conformance: Path) -> None:
        fixtures = conformance / "discovery" / "file" / "fixtures"
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{fixtures}/valid*.yml', '{fixtures}/valid.json']}}]")
            await b.until(lambda u: len(u["job"]) == 3)
            assert addresses(b.updates[-1]) == ["example.org:443", "localhost:9090", "my.domain"]
            assert {t["__meta_filepath"] for t in b.updates[-1]["job"].values()} <= {
                str(path) for path in fixtures.glob("valid*")
            }

    async def test_a_change_is_seen_by_watching_the_directory(self, tmp_path: Path) -> None:
        file = tmp_path / "t.yml"
        file.write_text("- targets: ['a:1']\n- targets: ['b:1']\n")
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{tmp_path}/*.yml'], refresh_interval: 100d}}]")
            await b.until(lambda u: addresses(u) == ["a:1", "b:1"])
            temporary = tmp_path / "t.tmp"
            temporary.write_text("- targets: ['c:1']\n")
            temporary.rename(file)
            await b.until(lambda u: addresses(u) == ["c:1"])
            file.unlink()
            await b.until(lambda u: addresses(u) == [])

    async def test_many_discoveries_share_one_watch_and_end_without_complaint(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sets = {}
        for i in range(30):
            (tmp_path / f"d{i}").mkdir()
            (tmp_path / f"d{i}" / "t.yml").write_text(f"- targets: ['a{i}:1']\n")
            sets[f"job{i}"] = f"file_sd_configs: [{{files: ['{tmp_path}/d{i}/t.yml'], refresh_interval: 100d}}]"
        async with bench() as b:
            await b.apply(**sets)
            await b.until(lambda u: all(addresses(u, f"job{i}") == [f"a{i}:1"] for i in range(30)))
            assert [t.get_name() for t in asyncio.all_tasks()].count("discovery scrape/watch") == 1
            (tmp_path / "d7" / "t.yml").write_text("- targets: ['new:1']\n")
            await b.until(lambda u: addresses(u, "job7") == ["new:1"])
        assert caplog.text == ""

    async def test_a_swap_of_a_symlinked_directory_is_seen(self, tmp_path: Path) -> None:
        for version in ("one", "two"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "t.yml").write_text(f"- targets: ['{version}:1']\n")
        (tmp_path / "..data").symlink_to("one")
        (tmp_path / "t.yml").symlink_to("..data/t.yml")
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{tmp_path}/*.yml'], refresh_interval: 100d}}]")
            await b.until(lambda u: addresses(u) == ["one:1"])
            (tmp_path / "..new").symlink_to("two")
            (tmp_path / "..new").rename(tmp_path / "..data")
            await b.until(lambda u: addresses(u) == ["two:1"])

    @pytest.mark.parametrize("broken", ["- targets: [", "- target: ['x']", "- null", "- targets: [{a: b}]", "\xff"])
    async def test_a_broken_file_keeps_its_last_good_targets_and_is_counted(self, broken: str, tmp_path: Path) -> None:
        file = tmp_path / "t.yml"
        file.write_text("- targets: ['a:1']\n")
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{file}'], refresh_interval: 1m}}]")
            await b.until(lambda u: addresses(u) == ["a:1"])
            file.write_bytes(broken.encode("latin-1"))
            async with asyncio.timeout(10):
                while b.metric("prometheus_sd_file_read_errors_total") == 0:
                    await b.clock.advance(60)
                    await asyncio.sleep(0.002)
            await b.clock.advance(10)
            assert addresses(b.updates[-1]) == ["a:1"]
            file.write_text("- targets: ['b:1']\n")
            await b.until(lambda u: addresses(u) == ["b:1"])

    async def test_a_directory_that_appears_later_is_found_at_the_next_refresh(self, tmp_path: Path) -> None:
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{tmp_path}/later/t.json'], refresh_interval: 1m}}]")
            await b.clock.advance(1)
            (tmp_path / "later").mkdir()
            (tmp_path / "later" / "t.json").write_text('[{"targets": ["a:1"]}]')
            await b.until(lambda u: addresses(u) == ["a:1"])

    async def test_modification_times_are_exposed_and_removed_with_the_discovery(self, tmp_path: Path) -> None:
        file = tmp_path / "t.yml"
        file.write_text("- targets: ['a:1']\n")
        os.utime(file, (1_600_000_000, 1_600_000_000))
        async with bench() as b:
            await b.apply(job=f"file_sd_configs: [{{files: ['{file}']}}]")
            await b.until(lambda u: addresses(u) == ["a:1"])
            assert b.metric(f'prometheus_sd_file_mtime_seconds{{filename="{file}"}}') == 1_600_000_000
            await b.apply(job="")
            assert "prometheus_sd_file_mtime_seconds{" not in b.registry.expose().decode()


class TestHttp:
    async def test_targets_come_from_the_answer_and_vanish_with_it(self, conformance: Path) -> None:
        answers = [(conformance / "discovery/http/fixtures/http_sd.good.json").read_bytes(), b"[]"]
        seen: list[tuple[str | None, str | None]] = []

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            seen.append((request.headers.get("Accept"), request.headers.get("X-Prometheus-Refresh-Interval-Seconds")))
            return web.Response(body=answers[min(len(seen), 2) - 1], content_type="application/json")

        async with serve(handler) as port, bench() as b:
            url = f"http://127.0.0.1:{port}/sd"
            await b.apply(job=f"http_sd_configs: [{{url: '{url}', refresh_interval: 30s}}]")
            await b.until(lambda u: addresses(u) == ["127.0.0.1:9090"])
            assert b.updates[-1]["job"]["127.0.0.1:9090"] == {
                "__address__": "127.0.0.1:9090",
                "__meta_datacenter": "bru1",
                "__meta_url": url,
            }
            await b.until(lambda u: addresses(u) == [])
        assert seen[0] == ("application/json", "30")

    @pytest.mark.parametrize(
        ("status", "content_type", "body"),
        [
            (500, "application/json", b"[]"),
            (200, "text/html", b"[]"),
            (200, "application/json", b"[null]"),
            (200, "application/json", b'[{"target": ["a"]}]'),
            (200, "application/json", b"{"),
        ],
    )
    async def test_a_bad_answer_keeps_the_last_targets_until_a_good_one_and_is_counted(
        self, status: int, content_type: str, body: bytes
    ) -> None:
        good: str | None = "a:1"

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            if good is not None:
                return web.Response(body=orjson.dumps([{"targets": [good]}]), content_type="application/json")
            return web.Response(status=status, body=body, content_type=content_type)

        async with serve(handler) as port, bench() as b:
            await b.apply(job=f"http_sd_configs: [{{url: 'http://127.0.0.1:{port}/', refresh_interval: 1s}}]")
            await b.until(lambda u: addresses(u) == ["a:1"])
            good = None
            async with asyncio.timeout(10):
                while b.metric("prometheus_sd_http_failures_total") == 0:
                    await b.clock.advance(1)
                    await asyncio.sleep(0.002)
            assert b.metric('prometheus_sd_refresh_failures_total{mechanism="http",config="job"}') >= 1
            await b.clock.advance(10)
            assert addresses(b.updates[-1]) == ["a:1"]
            good = "b:1"
            await b.until(lambda u: addresses(u) == ["b:1"])

    async def test_equal_sections_of_two_jobs_share_one_provider_over_a_reload(self) -> None:
        count = 0

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal count
            count += 1
            return web.Response(body=orjson.dumps([{"targets": ["a:1"]}]), content_type="application/json")

        async with serve(handler) as port, bench() as b:
            text = f"http_sd_configs: [{{url: 'http://127.0.0.1:{port}/', refresh_interval: 10d}}]"
            await b.apply(one=text, two=text)
            await b.until(lambda u: addresses(u, "one") == addresses(u, "two") == ["a:1"])
            await b.apply(two=text, three=text)
            await b.until(lambda u: sorted(u) == ["three", "two"] and addresses(u, "three") == ["a:1"])
        assert count == 1

    async def test_sections_that_differ_only_in_a_secret_do_not_share(self) -> None:
        seen: set[str | None] = set()

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            seen.add(request.headers.get("Authorization"))
            return web.Response(body=b'[{"targets": ["a:1"]}]', content_type="application/json")

        async with serve(handler) as port, bench() as b:
            text = f"http_sd_configs: [{{url: 'http://127.0.0.1:{port}/', bearer_token: X}}]"
            await b.apply(one=text.replace("X", "s1"), two=text.replace("X", "s2"))
            await b.until(lambda u: addresses(u, "one") == addresses(u, "two") == ["a:1"])
        assert seen == {"Bearer s1", "Bearer s2"}
