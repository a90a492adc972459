from __future__ import annotations

from narthex.remote.queue_resharding import Resharding


def after(taken: float, sent: float, seconds: float, *, dropped: float = 0, ticks: int = 1) -> Resharding:
    """`ticks` updates alike; the last is left to the test."""
    r = Resharding(1, 50)
    for i in range(ticks):
        r.taken.add(taken)
        r.sent.add(sent)
        r.seconds.add(seconds)
        r.dropped.add(dropped)
        if i + 1 < ticks:
            r.wanted(1, 0)
    return r


def test_as_many_shards_as_sending_takes_seconds_a_second() -> None:
    assert after(10_000, 10_000, 45).wanted(1, 0) == 5  # 1000 samples/s, 4.5 ms each


def test_nothing_changes_while_nothing_is_sent() -> None:
    assert after(10_000, 0, 10).wanted(3, 100) == 3


def test_changes_within_the_tolerance_are_not_made() -> None:
    assert after(10_000, 10_000, 125).wanted(10, 0) == 10  # 13 wanted
    assert after(10_000, 10_000, 135).wanted(10, 0) == 14


def test_a_backlog_asks_for_more() -> None:
    assert after(10_000, 10_000, 10).wanted(1, 0) == 1
    assert after(10_000, 10_000, 10).wanted(1, 100) == 6  # a twentieth of 100 s of samples each second on top


def test_shards_are_kept_while_the_queue_is_behind() -> None:
    assert after(10_000, 10_000, 1).wanted(10, 11) == 10
    assert after(10_000, 10_000, 1).wanted(10, 5) == 1


def test_samples_that_are_dropped_need_no_shard() -> None:
    assert after(10_000, 5_000, 22.5, dropped=5_000).wanted(1, 0) == 3


def test_the_number_stays_within_its_limits() -> None:
    assert after(10_000, 10_000, 10_000).wanted(1, 0) == 50


def test_a_burst_counts_a_fifth() -> None:
    r = after(10_000, 10_000, 10, ticks=2)
    r.wanted(1, 0)
    r.taken.add(60_000)
    r.sent.add(10_000)
    r.seconds.add(10)
    r.wanted(1, 0)
    assert r.taken.value == 2000
