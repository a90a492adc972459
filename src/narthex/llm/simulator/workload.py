"""When requests arrive and what they want. All randomness of the simulation is here, drawn in the order of arrivals."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field

from narthex.llm.simulator.faults import ERROR_STORM, Faults
from narthex.llm.simulator.profile import BLOCK_TOKENS, Profile

SLOT = 0.25  # seconds for which the rate is taken as constant
DAY = 86_400.0
DAILY_SWING = 0.3  # the rate at the day's peak is this much above the mean, at night below
BURST_SECONDS = 20.0
BURST_CHANCE, BURST_GAIN = 0.08, 0.7  # of 20 s windows, this share has a rate higher by the gain
ENDPOINTS = ("/v1/chat/completions", "/v1/completions")
LIMITS = (256, 512, 1024, 2048, 4096, 8192)
LIMIT_WEIGHTS = (20, 35, 25, 14, 4, 2)


@dataclass(slots=True, eq=False)
class Request:
    """One request. Times are simulated seconds; None where it has not happened yet."""

    number: int
    arrived: float
    prompt: int
    output: int  # tokens after which the model would stop by itself
    limit: int  # max_tokens of the request
    cached: int  # prompt tokens found in the prefix cache
    endpoint: str
    leaves: float  # when the client gives up
    fails_at: int | None  # tokens after which it ends with an error; 0: at once
    computed: int = 0  # tokens of prompt (and, after a preemption, output) whose KV is there
    generated: int = 0
    blocks: int = 0
    scheduled: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    preemptions: int = 0
    finished: float | None = None
    reason: str = ""

    @property
    def tokens(self) -> int:
        return self.prompt + self.generated

    @property
    def decoding(self) -> bool:
        """Whether everything but the token to come is computed."""
        return self.computed >= self.tokens


@dataclass
class Workload:
    """Poisson arrivals whose rate has a daily swing, short bursts, and faults. Same seed, same requests."""

    profile: Profile
    rate: float  # mean requests a second
    seed: int
    faults: Faults
    day_phase: float = 0.0  # seconds into the day at simulated time 0
    _slot: int = 0
    _count: int = 0
    _ready: deque[Request] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.profile.model}/{self.seed}")

    def rate_at(self, now: float) -> float:
        """Requests a second at a simulated time."""
        daily = 1.0 + DAILY_SWING * math.sin(2 * math.pi * (now + self.day_phase) / DAY)
        window = int(now // BURST_SECONDS)
        burst = random.Random(f"{self.seed}/{self.profile.model}/burst/{window}").random() < BURST_CHANCE
        usual = daily * (1.0 + BURST_GAIN * burst) / (1.0 + BURST_GAIN * BURST_CHANCE)
        return self.rate * usual * self.faults.rate_factor(now)

    def next_arrival(self, until: float) -> float:
        """When the next request arrives, or infinity when none does up to `until`."""
        while not self._ready and self._slot * SLOT <= until:
            self._fill()
        return self._ready[0].arrived if self._ready else math.inf

    def take(self) -> Request:
        return self._ready.popleft()

    def _fill(self) -> None:
        """Draws the arrivals of one slot."""
        start = self._slot * SLOT
        self._slot += 1
        rate = self.rate_at(start)
        at = start
        while rate > 0:
            at += self._random.expovariate(rate)
            if at >= start + SLOT:
                return
            self._ready.append(self._request(at))

    def _request(self, at: float) -> Request:
        draw, p = self._random, self.profile
        self._count += 1
        prompt = int(min(max(draw.lognormvariate(math.log(p.prompt_median), p.prompt_sigma), 4), p.context_tokens // 2))
        output = int(min(max(draw.lognormvariate(math.log(p.output_median), p.output_sigma), 1), p.context_tokens // 4))
        limit = draw.choices(LIMITS, LIMIT_WEIGHTS)[0]
        share = min(draw.betavariate(12, 12 * (1 - p.cached_share) / p.cached_share), 1.0)
        cached = int((prompt - 1) * share) // BLOCK_TOKENS * BLOCK_TOKENS
        endpoint = ENDPOINTS[0] if draw.random() < 0.8 else ENDPOINTS[1]
        fate, when, patience = draw.random(), draw.random(), draw.expovariate(1.0)
        fails_at: int | None = None
        if fate < self.faults.error_ratio(p.error_ratio, at):
            # In a storm the server refuses at once; on an ordinary day a request dies at some point of its work.
            fails_at = 0 if self.faults.active(ERROR_STORM, at) else int(when * min(output, limit))
        leaves = at + p.patience
        if 1.0 - fate < p.abort_ratio:
            leaves = at + min(p.patience, 2.0 * patience)
        return Request(self._count, at, prompt, output, limit, cached, endpoint, leaves, fails_at)
