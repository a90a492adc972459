"""A group: rules that are evaluated one after the other, at the same instants."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

from narthex.clock import Clock, milliseconds
from narthex.errors import NarthexError, QueryCanceled, StorageError
from narthex.model.labels import Labels
from narthex.notifier.alert import Alert
from narthex.rules.alerting import AlertingRule, External
from narthex.rules.appending import append_output, append_stale
from narthex.rules.contract import Evaluate
from narthex.rules.metrics import RuleMetrics
from narthex.rules.recording import RecordingRule
from narthex.rules.restore import restore
from narthex.rules.rule import Outcome, Rule
from narthex.rules.spec import GroupSpec
from narthex.rules.views import GroupView
from narthex.storage.contract import Appendable, Queryable
from narthex.tasks.origin import ORIGIN, rule_origin
from narthex.tracing import OFF, Tracing

log = logging.getLogger(__name__)
T = TypeVar("T")


class Blocking(Protocol):
    """Runs a blocking call elsewhere than on the event loop."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True)
class Environment:
    """What groups work with. `send` is called on the event loop. Durations are milliseconds."""

    evaluate: Evaluate
    storage: Appendable
    queryable: Queryable
    clock: Clock
    send: Callable[[Sequence[Alert]], None]
    metrics: RuleMetrics
    blocking: Blocking
    outage_tolerance_ms: int
    grace_period_ms: int
    resend_delay_ms: int
    tracing: Tracing = OFF


@dataclass
class Iteration:
    """What one evaluation of a group gave. Durations are seconds."""

    alerts: list[Alert] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    failures: int = 0
    samples: int = 0
    duration: float = 0.0


class Group:
    """`run` is its life. `evaluate` and `mark_stale` block; at most one of them runs at a time."""

    def __init__(self, spec: GroupSpec, external: External, environment: Environment, *, restoring: bool) -> None:
        """`restoring`: the server has just started, so alerts' past is looked up after the second evaluation."""
        self.spec, self.external = spec, external
        self._env = environment
        self.rules: list[Rule] = [
            AlertingRule(rule, external, restored=not restoring) if rule.alerting else RecordingRule(rule)
            for rule in spec.rules
        ]
        self._restore_after = 2 if restoring else 0
        self._leftover: set[Labels] = set()
        self._stopping = False
        self.busy = asyncio.Lock()
        """Held during an evaluation up to the sending of its alerts; whoever cancels `run` takes it first."""
        self._last = Outcome()

    def stop(self) -> None:
        """Rules that have not begun are left out of a running evaluation."""
        self._stopping = True

    async def run(self) -> None:
        """Evaluates at every slot, forever. A late evaluation goes on with the newest slot; the others are missed."""
        slot = self.spec.slot(self._now()) + self.spec.interval_ms
        while not self._stopping:
            await self._until(slot)
            metrics, key = self._env.metrics, self.spec.key
            metrics.iterations.labels(key).inc()
            async with self.busy:
                await self._iterate(slot)
            newest = self.spec.slot(self._now())
            missed = (newest - slot) // self.spec.interval_ms - 1
            if missed > 0:
                metrics.missed.labels(key).inc(missed)
                metrics.iterations.labels(key).inc(missed)
            slot = newest if newest > slot else newest + self.spec.interval_ms

    def _now(self) -> int:
        return milliseconds(self._env.clock.now())

    async def _until(self, time_ms: int) -> None:
        while (wait := time_ms - self._now()) > 0:
            await self._env.clock.sleep(wait / 1000)

    async def _iterate(self, slot: int) -> None:
        done = await self._env.blocking(lambda: self.evaluate(slot))
        self._count(done, slot)
        if done.alerts:
            self._env.send(done.alerts)
        if self._restore_after:
            self._restore_after -= 1
            if not self._restore_after:
                await self._env.blocking(self._restore)

    def _count(self, done: Iteration, slot: int) -> None:
        metrics, key = self._env.metrics, self.spec.key
        metrics.evaluations.labels(key).inc(len(done.durations))
        metrics.failures.labels(key).inc(done.failures)
        for seconds in done.durations:
            metrics.rule_duration.labels().observe(seconds)
        metrics.group_duration.labels().observe(done.duration)
        metrics.last_duration.labels(key).set(done.duration)
        metrics.last_rule_sum.labels(key).set(sum(done.durations))
        metrics.last_samples.labels(key).set(done.samples)
        metrics.last_time.labels(key).set(slot / 1000)
        self._last = Outcome(duration=done.duration, at=slot / 1000)

    def evaluate(self, now_ms: int) -> Iteration:
        """All rules once, for the slot `now_ms`. Blocks. A rule that fails does not keep the others from running."""
        done = Iteration()
        started = self._env.clock.monotonic()
        ORIGIN.set(rule_origin(self.spec.file, self.spec.name))
        for rule in self.rules:
            if self._stopping:
                break
            about = {"rule": rule.spec.name, "group": self.spec.name, "file": self.spec.file}
            with self._env.tracing.span("rule", about) as span:
                self._evaluate_rule(rule, now_ms, done)
                if rule.outcome.health != "ok":
                    span.failed(rule.outcome.error)
        if self._leftover:
            self.mark_stale(self._leftover, now_ms - self.spec.query_offset_ms)
            self._leftover = set()
        done.duration = self._env.clock.monotonic() - started
        return done

    def _evaluate_rule(self, rule: Rule, now_ms: int, done: Iteration) -> None:
        clock, offset = self._env.clock, self.spec.query_offset_ms
        started = clock.monotonic()
        error: Exception | None = None
        samples = 0
        try:
            output = rule.evaluate(self._env.evaluate, now_ms, offset, self.spec.limit)
            if isinstance(rule, AlertingRule):
                url = self.external.url + _link(rule.spec.expr)
                done.alerts += rule.to_send(now_ms, self.spec.interval_ms, self._env.resend_delay_ms, url)
            samples = len(output)
            rule.written, refused = append_output(self._env.storage, output, rule.written, now_ms - offset)
            if refused.total:
                log.warning("%s: rule %s: storage refused %d samples: %s", self.spec.key, rule.spec.name,
                            refused.total, refused)  # fmt: skip
        except QueryCanceled as e:
            error = e
        except NarthexError as e:
            error = e
            done.failures += 1
            log.warning("%s: rule %s failed: %s", self.spec.key, rule.spec.name, e)
        except Exception as e:
            # A bug of ours in one expression must not end the evaluation of all the others.
            error = e
            done.failures += 1
            log.exception("%s: rule %s failed", self.spec.key, rule.spec.name)
        duration = clock.monotonic() - started
        done.durations.append(duration)
        done.samples += samples
        health, text = ("ok", "") if error is None else ("err", str(error))
        rule.outcome = Outcome(health, text, duration, clock.now(), samples)

    def _restore(self) -> None:
        started = self._env.clock.monotonic()
        for rule in self.rules:
            if not isinstance(rule, AlertingRule):
                continue
            try:
                env = self._env
                restore(rule, env.queryable, self._now(), env.outage_tolerance_ms, env.grace_period_ms)
            except StorageError as e:
                log.error("%s: rule %s: state of alerts is not restored: %s", self.spec.key, rule.spec.name, e)
                rule.restored = True
        self._env.metrics.last_restore.labels(self.spec.key).set(self._env.clock.monotonic() - started)

    def mark_stale(self, series: set[Labels], time_ms: int) -> None:
        """Ends series that nobody will write any more. Blocks."""
        try:
            append_stale(self._env.storage, series, time_ms)
        except StorageError as e:
            log.error("%s: series of removed rules are not marked stale: %s", self.spec.key, e)

    def written(self) -> set[Labels]:
        """Series that the group keeps alive."""
        return self._leftover.union(*(rule.written for rule in self.rules))

    def take_state(self, old: Group) -> None:
        """Goes on where an earlier version of the group stopped; rules match by kind, name and labels, in order."""
        waiting: defaultdict[object, deque[Rule]] = defaultdict(deque)
        for rule in old.rules:
            waiting[rule.spec.identity].append(rule)
        for rule in self.rules:
            if not waiting[rule.spec.identity]:
                continue
            past = waiting[rule.spec.identity].popleft()
            rule.written, rule.outcome = past.written, past.outcome
            if isinstance(rule, AlertingRule) and isinstance(past, AlertingRule):
                rule.take_state(past)
        self._leftover = set(old._leftover)
        for rules in waiting.values():
            self._leftover.update(*(rule.written for rule in rules))
        self._last, self._restore_after = old._last, old._restore_after

    def view(self) -> GroupView:
        return GroupView(
            name=self.spec.name,
            file=self.spec.file,
            interval=self.spec.interval_ms / 1000,
            limit=self.spec.limit,
            evaluation_time=self._last.duration,
            last_evaluation=self._last.at,
            rules=[rule.view() for rule in self.rules],
        )


@lru_cache(maxsize=1024)
def _link(expression: str) -> str:
    from narthex.template.functions import table_link  # slow to import, and a start does not need it

    return table_link(expression)
