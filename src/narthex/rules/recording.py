"""Recording rules: the result of an expression under a new name."""

from __future__ import annotations

from narthex.errors import RuleError
from narthex.model.labels import METRIC_NAME, Labels
from narthex.rules.contract import Evaluate
from narthex.rules.rule import Output, Rule
from narthex.rules.views import RuleView


class RecordingRule(Rule):
    def evaluate(self, evaluate: Evaluate, now_ms: int, offset_ms: int, limit: int) -> Output:
        vector = evaluate(self.spec.expr, now_ms - offset_ms)
        if limit and len(vector) > limit:
            raise RuleError(f"exceeded limit of {limit} with {len(vector)} series")
        extra = {METRIC_NAME: self.spec.name, **self.spec.labels}
        out: Output = {}
        for sample in vector:
            labels = Labels({**sample.labels, **extra})
            if labels in out:
                raise RuleError("vector contains metrics with the same labelset after applying rule labels")
            out[labels] = sample.value if sample.histogram is None else sample.histogram
        return out

    def view(self) -> RuleView:
        return self.common_view("recording")
