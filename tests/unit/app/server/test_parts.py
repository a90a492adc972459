"""State, process metrics and allocator settings of a server."""

from __future__ import annotations

import gc
import subprocess
import sys
import time

from narthex.app.flags import parse_flags
from narthex.app.process_metrics import register_process
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.app.server.memory import settle, tune_allocator
from narthex.app.server.state import State
from narthex.clock import SystemClock
from narthex.instrument import Registry
from narthex.tsdb.activity import Activity


def state() -> State:
    return State(parse_flags(SERVER_FLAGS, []), {}, SystemClock(), 1.0)


async def test_notifications_follow_what_happens() -> None:
    s = state()
    assert [n["text"] for n in s.notifications()] == ["Starting: the write-ahead log is being replayed."]
    s.set_ready()
    assert s.notifications() == []
    s.set_reloaded(False, 5.0)
    s.set_reloaded(False, 5.0)
    assert [n["text"] for n in s.notifications()] == ["Configuration reload has failed."]
    s.set_reloaded(True, 6.0)
    assert s.notifications() == [] and s.runtime_info()["reloadConfigSuccess"] is True
    s.set_stopping()
    assert s.stopping and len(s.notifications()) == 1


async def test_a_compaction_that_runs_is_shown_with_its_progress() -> None:
    s = state()
    s.set_ready()
    activity = Activity("Compacting 3 blocks", 90.0, total=200)
    s.activity = lambda: activity
    assert s.notifications() == [{"text": "Compacting 3 blocks: 0 %", "date": "1970-01-01T00:01:30Z", "active": True}]
    activity.advance(50)
    assert s.notifications()[0]["text"] == "Compacting 3 blocks: 25 %"
    activity.advance(170)  # the blocks have more series together than the largest
    assert s.notifications()[0]["text"] == "Compacting 3 blocks: 99 %"


async def test_the_version_is_that_of_the_spoken_api_and_names_narthex() -> None:
    version = state().build_info()["version"]
    assert version.split("+")[0].count(".") == 2 and "narthex" in version


def test_process_metrics_are_those_of_this_process() -> None:
    registry = Registry()
    register_process(registry, "prometheus")
    lines = registry.expose().decode().splitlines()
    shown = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith("process_")}
    assert 1e6 < shown["process_resident_memory_bytes"] < shown["process_virtual_memory_bytes"]
    assert 0 < shown["process_cpu_seconds_total"] < time.process_time() + 1
    assert 3 <= shown["process_open_fds"] <= shown["process_max_fds"]
    assert time.time() - 3600 < shown["process_start_time_seconds"] <= time.time()


def test_the_start_time_is_that_of_the_process() -> None:
    before = time.time()
    ask = "from narthex.app.process_metrics import start_time; print(start_time())"
    told = float(subprocess.run([sys.executable, "-c", ask], stdout=subprocess.PIPE, check=True).stdout)
    assert before - 1 < told < time.time() + 1  # the kernel counts in hundredths, from a start of its own


def test_allocator_settings_can_be_made_in_any_process() -> None:
    interval = sys.getswitchinterval()
    try:
        tune_allocator()
        settle()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)
