"""What recording and alerting rules share: a name, an expression, and how the last evaluation went."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from narthex.model.labels import Labels
from narthex.native import FloatHistogram
from narthex.rules.contract import Evaluate
from narthex.rules.spec import RuleSpec
from narthex.rules.views import RuleView

Output = dict[Labels, float | FloatHistogram]


@dataclass
class Outcome:
    """How the last evaluation went. `health` is unknown, ok or err; times are Unix seconds."""

    health: str = "unknown"
    error: str = ""
    duration: float = 0.0
    at: float | None = None
    samples: int = 0


class Rule(ABC):
    """Evaluated by one thread at a time; `view` may be called from another at any time."""

    def __init__(self, spec: RuleSpec) -> None:
        self.spec = spec
        self.outcome = Outcome()
        self.written: dict[Labels, int] = {}
        """Series of the last successful evaluation, with their references in storage."""

    @abstractmethod
    def evaluate(self, evaluate: Evaluate, now_ms: int, offset_ms: int, limit: int) -> Output:
        """The samples of this evaluation, by label set.

        The expression is evaluated at `now_ms - offset_ms`. Raises what `evaluate` raises, and RuleError.
        """

    @abstractmethod
    def view(self) -> RuleView: ...

    def common_view(self, kind: str) -> RuleView:
        """What is shown of any rule."""
        return RuleView(
            kind=kind,
            name=self.spec.name,
            query=self.spec.expr,
            labels=self.spec.labels,
            health=self.outcome.health,
            last_error=self.outcome.error,
            evaluation_time=self.outcome.duration,
            last_evaluation=self.outcome.at,
        )
