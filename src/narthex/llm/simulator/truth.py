"""What really happened: raw observations and time integrals, to hold monitoring against."""

from __future__ import annotations

import bisect
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from narthex.llm.simulator.engine import Engine, Observer
from narthex.llm.simulator.workload import Request

KEEP = 200_000  # newest observations of each kind
QUANTILES = (0.5, 0.9, 0.95, 0.99)
_KINDS = ("ttft", "inter_token", "e2e", "queue", "arrival", "prompt_tokens", "output_tokens")


class Series:
    """The newest observations of one kind with their times, in order of time."""

    def __init__(self) -> None:
        self.times, self.values = array("d"), array("d")

    def add(self, time: float, value: float) -> None:
        self.times.append(time)
        self.values.append(value)
        if len(self.times) >= 2 * KEEP:
            del self.times[:KEEP]
            del self.values[:KEEP]

    def since(self, time: float) -> Sequence[float]:
        return self.values[bisect.bisect_right(self.times, time) :]


class Truth(Observer):
    """Counts are since the start; quantiles over the newest observations, or over a window on request."""

    def __init__(self) -> None:
        self.series = {kind: Series() for kind in _KINDS}
        self.arrivals = 0
        self.reasons: Counter[str] = Counter()
        self.preemptions = 0
        self.prompt_tokens = self.output_tokens = self.cached_tokens = 0
        self.waiting_seconds = self.running_seconds = self.kv_seconds = self.busy_seconds = 0.0
        self.queue_seconds = 0.0
        self._ends = Series()
        self._errors = Series()
        self._now = 0.0

    def arrived(self, request: Request) -> None:
        self.arrivals += 1
        self.series["arrival"].add(request.arrived, 1.0)

    def scheduled(self, request: Request) -> None:
        assert request.scheduled is not None
        wait = request.scheduled - request.arrived
        self.series["queue"].add(request.scheduled, wait)
        self.series["prompt_tokens"].add(request.scheduled, request.prompt)
        self.queue_seconds += wait
        self.prompt_tokens += request.prompt
        self.cached_tokens += request.cached

    def first_token(self, request: Request, now: float) -> None:
        self.series["ttft"].add(now, now - request.arrived)
        self.output_tokens += 1

    def next_token(self, request: Request, gap: float) -> None:
        self.series["inter_token"].add(self._now, gap)
        self.output_tokens += 1

    def preempted(self, request: Request) -> None:
        self.preemptions += 1

    def finished(self, request: Request) -> None:
        assert request.finished is not None
        self.reasons[request.reason] += 1
        self._ends.add(self._now, 1.0)
        if request.reason == "error":
            self._errors.add(self._now, 1.0)
        elif request.reason in ("stop", "length"):
            self.series["e2e"].add(self._now, request.finished - request.arrived)
            self.series["output_tokens"].add(self._now, request.generated)

    def iteration(self, prefill: int, decode: int, seconds: float) -> None:
        self.busy_seconds += seconds

    def passed(self, engine: Engine, seconds: float) -> None:
        self.waiting_seconds += len(engine.waiting) * seconds
        self.running_seconds += len(engine.running) * seconds
        self.kv_seconds += engine.kv_usage * seconds
        self._now = engine.now + seconds

    def report(self, engine: Engine, window: float | None = None) -> dict[str, Any]:
        """Everything known, as JSON values. `window` (seconds) limits rates and quantiles to the newest time."""
        now = engine.now
        start = 0.0 if window is None else max(0.0, now - window)
        span = now - start
        ends, errors = len(self._ends.since(start)), len(self._errors.since(start))
        return {
            "model": engine.profile.model,
            "simulated_seconds": now,
            "window_seconds": span,
            "requests": {
                "arrived": self.arrivals,
                "finished": dict(self.reasons),
                "waiting": len(engine.waiting),
                "running": len(engine.running),
            },
            "arrival_rate": len(self.series["arrival"].since(start)) / span if span else 0.0,
            "error_ratio": errors / ends if ends else 0.0,
            "seconds": {kind: _summary(self.series[kind].since(start)) for kind in _KINDS[:4]},
            "tokens": {
                "prompt": self.prompt_tokens,
                "cached": self.cached_tokens,
                "generated": self.output_tokens,
                "prompt_per_request": _summary(self.series["prompt_tokens"].since(start)),
                "generated_per_request": _summary(self.series["output_tokens"].since(start)),
            },
            "kv_cache": {
                "usage": engine.kv_usage,
                "mean_usage": self.kv_seconds / now if now else 0.0,
                "preemptions": self.preemptions,
            },
            "mean_waiting": self.waiting_seconds / now if now else 0.0,
            "mean_running": self.running_seconds / now if now else 0.0,
            "busy_ratio": min(1.0, self.busy_seconds / now) if now else 0.0,
            "faults": [{"name": w.name, "start": w.start, "end": w.end} for w in engine.faults.windows],
        }


def _summary(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    out: dict[str, float] = {"count": len(ordered), "mean": sum(ordered) / len(ordered)}
    for q in QUANTILES:
        out[f"p{q * 100:g}"] = quantile(ordered, q)
    return out


def quantile(ordered: Sequence[float], q: float) -> float:
    """Linear interpolation between the two nearest ranks of ascending values (not empty)."""
    rank = q * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)
