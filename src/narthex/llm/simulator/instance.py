"""One simulated server: an engine with its workload, everything that watches it, and the page it exposes."""

from __future__ import annotations

from typing import Any

from narthex.instrument import Registry
from narthex.llm.simulator.engine import Engine
from narthex.llm.simulator.faults import Faults
from narthex.llm.simulator.hardware_metrics import HardwareMetrics
from narthex.llm.simulator.profile import Profile
from narthex.llm.simulator.service_metrics import ServiceMetrics
from narthex.llm.simulator.truth import Truth
from narthex.llm.simulator.vllm_metrics import VllmMetrics
from narthex.llm.simulator.workload import Workload


class Instance:
    """Simulated time starts at 0. Equal profile, name, rate, seed and faults give equal pages at equal times."""

    def __init__(self, name: str, profile: Profile, rate: float, seed: int, day_phase: float = 0.0) -> None:
        """`rate` is requests a second; `day_phase` says how many seconds into the day time 0 is."""
        self.name, self.profile = name, profile
        self.faults = Faults()
        self.registry = Registry()
        self.truth = Truth()
        self._vllm = VllmMetrics(self.registry, profile)
        self._service = ServiceMetrics(self.registry, profile)
        self._hardware = HardwareMetrics(self.registry, profile, name)
        workload = Workload(profile, rate, seed, self.faults, day_phase)
        observers = (self.truth, self._vllm, self._service, self._hardware)
        self.engine = Engine(profile, workload, self.faults, observers)

    def advance(self, now: float) -> None:
        """Lets everything up to `now` (simulated seconds) happen."""
        self.engine.advance(now)

    def expose(self) -> bytes:
        """The page /metrics at the time that was last advanced to (text format 0.0.4)."""
        for part in (self._vllm, self._service, self._hardware):
            part.collect(self.engine)
        return self.registry.expose()

    def report(self, window: float | None = None) -> dict[str, Any]:
        """The truth, as JSON values."""
        return {"instance": self.name, **self.truth.report(self.engine, window)}
