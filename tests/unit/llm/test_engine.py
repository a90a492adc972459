"""The queueing model obeys the laws of queues, and the faults show."""

from __future__ import annotations

import math
from typing import Any

import pytest

from narthex.llm.simulator import Instance, Profile, profile_of
from narthex.llm.simulator.engine import Engine, Observer
from narthex.llm.simulator.faults import FAULTS, Faults
from narthex.llm.simulator.truth import quantile
from narthex.llm.simulator.workload import Request, Workload

MODEL = profile_of("llama-3-70b")


def instance(rate: float = 4.0, seed: int = 1, profile: Profile = MODEL) -> Instance:
    return Instance("i", profile, rate, seed)


class Watch(Observer):
    """Checks what must hold at every moment."""

    def __init__(self) -> None:
        self.ended: list[Request] = []
        self.tokens = 0

    def passed(self, engine: Engine, seconds: float) -> None:
        assert engine.used_blocks == sum(r.blocks for r in engine.running)
        assert engine.used_blocks <= engine.profile.kv_blocks or len(engine.running) == 1
        assert len(engine.running) <= engine.profile.max_sequences
        assert all(r.blocks == 0 for r in engine.waiting)
        assert engine.busy or not engine.running

    def iteration(self, prefill: int, decode: int, seconds: float) -> None:
        assert 0 < prefill + decode <= MODEL.token_budget
        self.tokens += prefill + decode

    def finished(self, request: Request) -> None:
        self.ended.append(request)


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_every_request_ends_once_and_in_order_of_its_life(fault: str | None) -> None:
    faults = Faults()
    if fault is not None:
        faults.add(fault, 20.0, 20.0)
    watch = Watch()
    engine = Engine(MODEL, Workload(MODEL, 4.0, 3, faults), faults, [watch])
    engine.advance(60.0)
    assert len({r.number for r in watch.ended}) == len(watch.ended) > 150
    for r in watch.ended:
        assert r.finished is not None
        times = [t for t in (r.arrived, r.scheduled, r.first_token, r.last_token, r.finished) if t is not None]
        assert times == sorted(times)
        assert r.generated <= min(r.limit, r.output)
        if r.reason in ("stop", "length"):
            assert r.generated == min(r.limit, r.output)
    numbers = {r.number for r in watch.ended} | {r.number for r in (*engine.running, *engine.waiting)}
    assert numbers == set(range(1, len(numbers) + 1))


def test_littles_law_holds_for_waiting_and_for_running() -> None:
    """L = lambda W: the time integral of the number present equals the sum of the times that requests were present."""
    i = instance(rate=6.0)
    i.faults.add("queue-burst", 20.0, 5.0)
    i.advance(150.0)
    report = i.report()
    rate = report["requests"]["arrived"] / 150.0
    waited = report["seconds"]["queue"]["mean"]
    assert report["mean_waiting"] > 1.0
    served = report["seconds"]["queue"]["count"] / 150.0
    assert report["mean_waiting"] == pytest.approx(served * waited, rel=0.05)
    in_system = report["mean_waiting"] + report["mean_running"]
    assert in_system == pytest.approx(rate * report["seconds"]["e2e"]["mean"], rel=0.1)


def test_arrivals_are_poisson_at_the_rate() -> None:
    """Variance of counts equals their mean, over windows in which the rate is steady."""
    profile = MODEL
    workload = Workload(profile, 50.0, 7, Faults())
    counts: dict[int, int] = {}
    while workload.next_arrival(199.99) < math.inf:
        r = workload.take()
        counts[int(r.arrived)] = counts.get(int(r.arrived), 0) + 1
    steady = [
        counts.get(s, 0) for s in range(200) if workload.rate_at(s) == pytest.approx(workload.rate_at(0), rel=0.02)
    ]
    mean = sum(steady) / len(steady)
    variance = sum((c - mean) ** 2 for c in steady) / (len(steady) - 1)
    assert mean == pytest.approx(workload.rate_at(0), rel=0.05)
    assert 0.6 < variance / mean < 1.5


def test_equal_seeds_give_equal_pages_however_time_is_cut() -> None:
    one, other, third = instance(seed=5), instance(seed=5), instance(seed=6)
    one.advance(30.0)
    for step in range(1, 301):
        other.advance(step / 10)
    third.advance(30.0)
    drop = ("DCGM_", "container_cpu")  # smoothed values depend on rounding in how time is cut

    def page(i: Instance) -> list[str]:
        return [line for line in i.expose().decode().splitlines() if not line.startswith(drop)]

    assert page(one) == page(other)
    assert page(one) != page(third)


def faulted(name: str, model: str = "llama-3-70b") -> tuple[dict[str, Any], dict[str, Any]]:
    """Reports of the minute before a fault and of the minute with it."""
    i = instance(profile=profile_of(model))
    i.faults.add(name, 60.0, 60.0)
    i.advance(59.9)
    before = i.report(60.0)
    i.advance(119.9)
    return before, i.report(60.0)


def test_an_error_storm_fails_a_third_of_the_requests() -> None:
    before, after = faulted("error-storm")
    assert before["error_ratio"] < 0.02
    assert 0.2 < after["error_ratio"] < 0.5


def test_a_queue_burst_fills_the_queue() -> None:
    before, after = faulted("queue-burst")
    assert before["requests"]["waiting"] < 5
    assert after["requests"]["waiting"] > 100
    assert after["seconds"]["ttft"]["p99"] > 20 * before["seconds"]["ttft"]["p99"]


def test_a_full_cache_preempts() -> None:
    before, after = faulted("kv-full")
    assert before["kv_cache"]["preemptions"] == 0
    assert after["kv_cache"]["preemptions"] > 5
    assert before["kv_cache"]["usage"] < 0.6
    assert after["kv_cache"]["usage"] > 0.9


def test_slow_decoding_slows_tokens() -> None:
    before, after = faulted("slow-decode")
    ratio = after["seconds"]["inter_token"]["p50"] / before["seconds"]["inter_token"]["p50"]
    assert 4 < ratio < 12


def test_a_fault_can_be_ended_early() -> None:
    faults = Faults()
    faults.add("error-storm", 10.0, 100.0)
    faults.add("slow-decode", 50.0, 100.0)
    faults.clear(20.0, "error-storm")
    assert faults.active("error-storm", 15.0)
    assert not faults.active("error-storm", 21.0)
    faults.clear(20.0)
    assert not faults.active("slow-decode", 60.0)
    for name, start, duration in (("nope", 0.0, 1.0), ("kv-full", -1.0, 1.0), ("kv-full", 0.0, 0.0)):
        with pytest.raises(ValueError, match="fault"):
            faults.add(name, start, duration)


@pytest.mark.parametrize(("model", "gpus"), [("qwen-2-72b", 4), ("llama-3-8b", 1), ("mixtral-8x22b", 8), ("gpt", 1)])
def test_bigger_models_get_more_gpus(model: str, gpus: int) -> None:
    assert profile_of(model).gpus == gpus


def test_quantiles_interpolate_between_ranks() -> None:
    assert quantile([1.0, 2.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
    assert quantile([7.0], 0.99) == 7.0
