from __future__ import annotations

import asyncio
import itertools

import pytest

from narthex.config.relabel import RelabelConfig
from narthex.errors import ScrapeError
from narthex.exposition import Format
from narthex.model.number import is_stale
from narthex.scrape.loop import ALIGN_SECONDS
from support.memory_storage import MemoryAppender
from support.scrape import Bench

START_MS = 1_700_000_000_000


def stale(values: list[float]) -> list[bool]:
    return [is_stale(v) for v in values]


async def test_a_scrape_is_one_transaction_with_its_report() -> None:
    bench = Bench(b'a 1\nb{x="1"} 2\n')
    await bench.scrape(2)
    assert bench.storage.commits == 2
    assert bench.samples("a") == [(START_MS, 1.0), (START_MS + 10_000, 1.0)]
    assert bench.values("b", x="1") == [2.0, 2.0]
    assert bench.values("up") == [1.0, 1.0]
    assert bench.values("scrape_samples_scraped") == [2.0, 2.0]
    assert bench.values("scrape_samples_post_metric_relabeling") == [2.0, 2.0]
    assert bench.values("scrape_series_added") == [2.0, 0.0]
    assert bench.values("scrape_duration_seconds") == [0.0, 0.0]
    assert (bench.target.health, bench.target.last_error) == ("up", "")


async def test_extra_metrics_tell_timeout_limit_and_size() -> None:
    bench = Bench(b"a 1\n", extra_scrape_metrics=True, sample_limit=7)
    await bench.scrape()
    assert bench.values("scrape_timeout_seconds") == [5.0]
    assert bench.values("scrape_sample_limit") == [7.0]
    assert bench.values("scrape_body_size_bytes") == [4.0]


async def test_series_that_vanish_and_failed_scrapes_leave_stale_markers() -> None:
    bench = Bench(b"a 1\nb 2\n", b"a 1\n", ScrapeError("boom"), ScrapeError("boom"), b"a 1\n")
    await bench.scrape(5)
    assert stale(bench.values("b")) == [False, True]
    assert stale(bench.values("a")) == [False, False, True, False]
    assert bench.values("up") == [1.0, 1.0, 0.0, 0.0, 1.0]
    assert bench.values("scrape_samples_scraped") == [2.0, 1.0, 0.0, 0.0, 1.0]


async def test_a_malformed_body_leaves_nothing_and_shows_its_line() -> None:
    bench = Bench(b"a 1\n", b"a 2\nnew 1\nbroken\n")
    await bench.scrape(2)
    assert stale(bench.values("a")) == [False, True]
    assert bench.values("new") == []
    assert bench.target.last_error.startswith("line 3: expected a number as value")
    assert bench.target.health == "down"


async def test_an_empty_body_is_no_failure() -> None:
    bench = Bench(b"a 1\n", b"")
    await bench.scrape(2)
    assert stale(bench.values("a")) == [False, True]
    assert bench.values("up") == [1.0, 1.0]


async def test_over_the_sample_limit_nothing_is_stored_but_counted() -> None:
    drop = RelabelConfig(source_labels=["__name__"], regex="noise", action="drop")
    body = b"noise 1\na 1\nb 2\nc 3\n"
    bench = Bench(b"a 1\n", body, body, b"a 1\nb 2\n", sample_limit=2, metric_relabel_configs=[drop])
    await bench.scrape(4)
    assert bench.target.last_error == ""
    assert bench.values("up") == [1.0, 0.0, 0.0, 1.0]
    assert bench.values("scrape_samples_scraped") == [1.0, 4.0, 4.0, 2.0]
    assert bench.values("scrape_samples_post_metric_relabeling") == [1.0, 3.0, 3.0, 2.0]
    assert stale(bench.values("a")) == [False, True, False]
    assert bench.values("c") == []
    assert bench.metrics.exceeded_sample_limit.value == 2


async def test_a_label_limit_fails_the_scrape_and_is_counted() -> None:
    bench = Bench(b'a 1\nb{x="1",y="2"} 1\n', label_limit=3)
    await bench.scrape(2)
    assert bench.values("a") == []
    assert bench.target.last_error.startswith("label_limit exceeded (metric: b")
    assert bench.metrics.exceeded_label_limits.value == 2


async def test_repeated_lines_are_dropped_and_counted() -> None:
    bench = Bench(b"a 1\na 2\n")
    await bench.scrape()
    assert bench.values("a") == [1.0]
    assert bench.metrics.duplicates.value == 1
    assert bench.values("scrape_samples_post_metric_relabeling") == [2.0]


async def test_timestamps_are_honoured_unless_told_otherwise() -> None:
    body = b"a 1 1699999999000\n"
    bench = Bench(body)
    await bench.scrape()
    assert bench.samples("a") == [(1_699_999_999_000, 1.0)]
    bench = Bench(body, honor_timestamps=False)
    await bench.scrape()
    assert bench.samples("a") == [(START_MS, 1.0)]


async def test_samples_from_the_far_future_are_refused_and_counted() -> None:
    bench = Bench(b"a 1 %d\nb 1 %d\n" % (START_MS + 600_000, START_MS + 600_001))
    await bench.scrape()
    assert (len(bench.values("a")), len(bench.values("b"))) == (1, 0)
    assert bench.metrics.out_of_bounds.value == 1
    assert bench.values("up") == [1.0]


async def test_old_samples_are_refused_one_by_one_and_counted() -> None:
    bench = Bench(b"a 1 1000\n", b"a 2 500\nb 1\n")
    await bench.scrape(2)
    assert bench.samples("a") == [(1000, 1.0)]
    assert bench.metrics.out_of_order.value == 1
    assert bench.values("up") == [1.0, 1.0]


async def test_series_that_the_storage_dropped_are_asked_for_again() -> None:
    bench = Bench(b"a 1\nb 2\n")
    await bench.scrape()
    bench.storage.forget()
    await bench.scrape(2)
    assert bench.values("a") == [1.0, 1.0, 1.0]
    assert bench.values("b") == [2.0, 2.0, 2.0]
    assert bench.values("up") == [1.0, 1.0, 1.0]
    assert bench.values("scrape_series_added") == [2.0, 0.0, 0.0]


async def test_a_commit_that_fails_shows_and_loses_only_that_scrape() -> None:
    bench = Bench(b"a 1\n")
    await bench.scrape()
    bench.storage.fail = True
    await bench.scrape()
    assert bench.target.last_error == "log cannot be written"
    await bench.scrape()
    assert bench.samples("a") == [(START_MS, 1.0), (START_MS + 20_000, 1.0)]
    assert bench.target.health == "up"


async def test_a_storage_that_refuses_for_a_while_costs_a_line_at_its_begin_and_one_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(b"a 1\n")
    for fail in (True, True, True, False, False, True, False):
        bench.storage.fail = fail
        await bench.scrape()
    lines = [record.getMessage().partition(": ")[2] for record in caplog.records]
    refused = "scrapes are not stored: log cannot be written"
    stored = "scrapes are stored again, {} were not"
    assert lines == [refused, stored.format(3), refused, stored.format(1)]
    assert bench.values("up") == [1.0, 1.0, 1.0]


async def test_openmetrics_bodies_are_read_as_such() -> None:
    bench = Bench(b"# TYPE a counter\na_total 1 1700000000.5\n# EOF\n")
    bench.answers.format = Format.OPENMETRICS
    await bench.scrape()
    assert bench.samples("a_total") == [(1_700_000_000_500, 1.0)]
    assert list(bench.target.metadata()) == [("a", "counter", "", "")]


async def test_a_large_body_is_read_in_a_thread_with_the_same_outcome() -> None:
    lines = b"".join(b'big{i="%d",pad="%s"} 1\n' % (i, b"x" * 500_000) for i in range(2))
    bench = Bench(lines)
    await bench.loop.scrape(bench.clock.now())
    assert bench.values("scrape_samples_scraped") == [2.0]


async def running(bench: Bench, seconds: float) -> None:
    task = asyncio.create_task(bench.loop.run())
    await bench.clock.advance(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_scrapes_come_at_the_targets_offset_in_each_interval() -> None:
    bench = Bench(b"a 1\n")
    await running(bench, 60)
    offset = bench.target.offset(0)
    assert len(bench.answers.times) == 6
    assert all(abs((t - offset) % 10) < 1e-5 or abs((t - offset) % 10 - 10) < 1e-5 for t in bench.answers.times)
    stamps = [t for t, _ in bench.samples("a")]
    assert {b - a for a, b in itertools.pairwise(stamps)} == {10_000}


async def test_slow_scrapes_skip_ticks_and_never_pile_up() -> None:
    bench = Bench(b"a 1\n", seconds=12)
    await running(bench, 95)
    assert len(bench.answers.times) <= 5
    stamps = [t for t, _ in bench.samples("a")]
    assert {b - a for a, b in itertools.pairwise(stamps)} == {20_000}


@pytest.mark.parametrize(
    ("tolerance", "second", "third"),
    [
        (ALIGN_SECONDS, (10_000,), (20_006, 20_007)),
        (0.0, (10_001, 10_002), (20_006, 20_007)),
        (0.01, (10_000,), (20_000,)),
    ],
)
async def test_small_lateness_is_aligned_away_and_large_lateness_is_not(
    tolerance: float, second: tuple[int, ...], third: tuple[int, ...]
) -> None:
    bench = Bench(b"a 1\n", align_seconds=tolerance)
    task = asyncio.create_task(bench.loop.run())
    await bench.clock.advance(10)
    first = bench.samples("a")[0][0]
    bench.clock.jump(0.0015)
    await bench.clock.advance(10)
    bench.clock.jump(0.005)
    await bench.clock.advance(10)
    task.cancel()
    stamps = [t - first for t, _ in bench.samples("a")]
    assert stamps[0] == 0 and stamps[1] in second and stamps[2] in third


async def test_after_a_clock_jump_scrapes_go_on_with_the_new_time() -> None:
    bench = Bench(b"a 1\n")
    task = asyncio.create_task(bench.loop.run())
    await bench.clock.advance(10)
    bench.clock.jump(3600)
    await bench.clock.advance(20)
    task.cancel()
    stamps = [t for t, _ in bench.samples("a")]
    assert [b - a for a, b in itertools.pairwise(stamps)] == [3_610_000, 10_000]
    assert len(bench.answers.times) == 3


async def test_a_cancelled_scrape_leaves_nothing_and_the_next_is_whole() -> None:
    bench = Bench(b"a 1\n", seconds=3)
    task = asyncio.create_task(bench.loop.scrape(bench.clock.now()))
    await bench.clock.advance(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.storage.commits == 0
    bench.answers.seconds = 0
    await bench.scrape()
    assert bench.values("a") == [1.0]


async def test_series_of_a_target_that_is_gone_end_after_two_intervals() -> None:
    bench = Bench(b"a 1\n")
    await bench.loop.scrape(bench.clock.now())
    task = asyncio.create_task(bench.loop.end())
    await bench.clock.advance(20.9)
    assert stale(bench.values("a")) == [False]
    await bench.clock.advance(0.2)
    await task
    assert stale(bench.values("a")) == [False, True]
    assert stale(bench.values("up")) == [False, True]
    assert bench.samples("a")[-1][0] == START_MS + 10_000


async def test_a_target_that_came_back_meanwhile_is_not_marked_stale() -> None:
    bench = Bench(b"a 1\n")
    await bench.loop.scrape(bench.clock.now())
    task = asyncio.create_task(bench.loop.end())
    await bench.clock.advance(15)
    await bench.loop.scrape(bench.clock.now())
    await bench.clock.advance(10)
    await task
    assert stale(bench.values("a")) == [False, False]


async def test_a_bug_of_ours_fails_one_scrape_and_not_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(b"a 1\n")
    bench.answers.answers = [ScrapeError("x"), ZeroDivisionError("oops")]

    async def fetch() -> None:
        raise ZeroDivisionError("oops")

    bench.answers.fetch = fetch
    await bench.scrape()
    assert bench.target.last_error == "internal error: ZeroDivisionError: oops"
    assert "scrape failed in a way it should not" in caplog.text
    assert bench.values("up") == [0.0]


async def test_a_bug_in_the_storage_fails_one_scrape_and_not_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(b"a 1\n")

    def commit(self: MemoryAppender) -> None:
        raise ZeroDivisionError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryAppender, "commit", commit)
        await bench.scrape()
    assert bench.target.last_error == "internal error: ZeroDivisionError: oops"
    await bench.scrape()
    assert bench.values("a") == [1.0]
