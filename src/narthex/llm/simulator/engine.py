"""Continuous batching: how one server spends its time.

The server works in iterations. Each one computes one token for every sequence that decodes and, with what is left of
the token budget, parts of prompts. A sequence holds KV-cache blocks for all its tokens; when none is free for the next
token, the sequence that was admitted last is preempted: it loses its blocks and waits again, to be computed anew.
Latencies are not drawn from anywhere: they come out of this.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from narthex.llm.simulator.faults import Faults
from narthex.llm.simulator.profile import BLOCK_TOKENS, Profile
from narthex.llm.simulator.workload import Request, Workload

FRONTEND_SECONDS = 0.006  # from arrival to the scheduler: HTTP, tokenizing
LEAVING_SECONDS = 0.5  # until a closed connection is noticed, at most
REFUSAL_SECONDS = 0.02  # time in which a failing frontend answers


class Observer:
    """Told of everything that happens, at the moment it happens. Times are simulated seconds."""

    def arrived(self, request: Request) -> None: ...

    def scheduled(self, request: Request) -> None:
        """For the first time; `cached` of its prompt tokens need no computing."""

    def first_token(self, request: Request, now: float) -> None: ...

    def next_token(self, request: Request, gap: float) -> None: ...

    def preempted(self, request: Request) -> None: ...

    def finished(self, request: Request) -> None: ...

    def iteration(self, prefill: int, decode: int, seconds: float) -> None: ...

    def passed(self, engine: Engine, seconds: float) -> None:
        """Time went by in which the engine's state was what it is."""


class Engine:
    """One server. `advance` is the only way in which time passes; its steps do not change what happens."""

    def __init__(self, profile: Profile, workload: Workload, faults: Faults, observers: Sequence[Observer]) -> None:
        self.profile, self.workload, self.faults = profile, workload, faults
        self.observers = list(observers)
        self.now = 0.0
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.used_blocks = 0
        self._ends = math.inf  # of the iteration on its way
        self._look_at = 0.0  # for clients that have left
        self._decoding: list[Request] = []
        self._prefilling: list[tuple[Request, int]] = []

    @property
    def kv_usage(self) -> float:
        """Share of the KV-cache blocks that are taken, 0 to 1."""
        taken = self.faults.taken_blocks(self.profile.kv_blocks, self.now)
        return min(1.0, (self.used_blocks + taken) / self.profile.kv_blocks)

    @property
    def busy(self) -> bool:
        """Whether an iteration is on its way."""
        return self._ends != math.inf

    def advance(self, until: float) -> None:
        """Everything that happens up to `until`, inclusive. A time in the past changes nothing."""
        while True:
            arrival = self.workload.next_arrival(min(until, self._ends)) + FRONTEND_SECONDS
            event = min(arrival, self._ends)
            if event > until:
                break
            self._pass(event)
            if self._ends <= arrival:
                self._finish_iteration()
            else:
                self._arrive(self.workload.take())
            if self._ends == math.inf:
                self._start_iteration()
        self._pass(until)

    def _pass(self, to: float) -> None:
        if to > self.now:
            for o in self.observers:
                o.passed(self, to - self.now)
            self.now = to

    def _arrive(self, request: Request) -> None:
        for o in self.observers:
            o.arrived(request)
        if request.fails_at == 0:
            self._end(request, "error", self.now + REFUSAL_SECONDS)
        else:
            self.waiting.append(request)

    # -- one iteration

    def _start_iteration(self) -> None:
        self._let_go()
        self._decoding = self._decoders()
        budget = self.profile.token_budget - len(self._decoding)
        self._prefilling = self._prefills(budget)
        if not self._decoding and not self._prefilling:
            self._ends = math.inf
            return
        prefill = sum(count for _, count in self._prefilling)
        p = self.profile
        seconds = (
            p.iteration_base
            + prefill * p.prefill_token
            + len(self._decoding) * p.decode_sequence
            + sum(r.tokens for r in self._decoding) * p.kv_token
        ) * self.faults.time_factor(self.now)
        self._ends = self.now + seconds
        for o in self.observers:
            o.iteration(prefill, len(self._decoding), seconds)

    def _let_go(self) -> None:
        """Requests whose client has left; noticed with a delay, as a server notices a closed connection."""
        if self.now < self._look_at:
            return
        self._look_at = self.now + LEAVING_SECONDS
        for request in [r for r in self.waiting if r.leaves <= self.now]:
            self.waiting.remove(request)
            self._end(request, "abort", self.now)
        for request in [r for r in self.running if r.leaves <= self.now]:
            self._release(request)
            self._end(request, "abort", self.now)

    def _decoders(self) -> list[Request]:
        """Sequences that get their next token; makes room for it, preempting from the end where it must."""
        chosen: list[Request] = []
        for request in list(self.running):
            if not request.decoding or not request.blocks:  # without blocks: preempted a moment ago
                continue
            while not self._grow(request, request.tokens + 1):
                last = self.running[-1]
                self._preempt(last)
                if last in chosen:
                    chosen.remove(last)
                if last is request:
                    break
            else:
                chosen.append(request)
        return chosen

    def _prefills(self, budget: int) -> list[tuple[Request, int]]:
        """Parts of prompts: first of those that have begun, then of those that wait, in order."""
        out: list[tuple[Request, int]] = []
        for request in self.running:
            if budget > 0 and not request.decoding:
                count = min(budget, request.tokens - request.computed)
                out.append((request, count))
                budget -= count
        while budget > 0 and self.waiting and len(self.running) < self.profile.max_sequences:
            request = self.waiting[0]
            if not self._grow(request, request.tokens + 1):
                break
            self.waiting.popleft()
            self.running.append(request)
            if request.scheduled is None:
                request.scheduled = self.now
                for o in self.observers:
                    o.scheduled(request)
            request.computed = request.cached
            count = min(budget, request.tokens - request.computed)
            out.append((request, count))
            budget -= count
        return out

    def _finish_iteration(self) -> None:
        self._ends = math.inf
        for request in self._decoding:
            request.computed = request.tokens
            self._token(request)
        for request, count in self._prefilling:
            request.computed += count
            if request.decoding:
                self._token(request)
        self._decoding, self._prefilling = [], []

    def _token(self, request: Request) -> None:
        now = self.now
        request.generated += 1
        request.computed = request.tokens
        if request.first_token is None:
            request.first_token = now
            for o in self.observers:
                o.first_token(request, now)
        else:
            assert request.last_token is not None
            for o in self.observers:
                o.next_token(request, now - request.last_token)
        request.last_token = now
        if request.fails_at is not None and request.generated >= request.fails_at:
            reason = "error"
        elif request.generated >= request.output:
            reason = "stop"
        elif request.generated >= request.limit or request.tokens >= self.profile.context_tokens:
            reason = "length"
        else:
            return
        self._release(request)
        self._end(request, reason, now)

    def _end(self, request: Request, reason: str, at: float) -> None:
        request.finished, request.reason = at, reason
        for o in self.observers:
            o.finished(request)

    # -- blocks

    def _grow(self, request: Request, tokens: int) -> bool:
        """Gives the request blocks for so many tokens, if there are."""
        more = -(-tokens // BLOCK_TOKENS) - request.blocks
        if more <= 0:
            return True
        total = self.profile.kv_blocks - self.faults.taken_blocks(self.profile.kv_blocks, self.now)
        # One sequence alone always fits, else it could never end.
        if self.used_blocks + more > total and self.used_blocks > request.blocks:
            return False
        request.blocks += more
        self.used_blocks += more
        return True

    def _release(self, request: Request) -> None:
        self.running.remove(request)
        self.used_blocks -= request.blocks
        request.blocks = 0

    def _preempt(self, request: Request) -> None:
        self._release(request)
        request.computed = 0
        request.preemptions += 1
        self.waiting.appendleft(request)
        for o in self.observers:
            o.preempted(request)
