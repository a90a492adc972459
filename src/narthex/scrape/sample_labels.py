"""From exposed labels to stored ones: target labels, honor_labels, metric relabelling, limits on labels."""

from __future__ import annotations

from collections.abc import Mapping

from narthex.config.relabel import rules
from narthex.config.scrape import ScrapeConfig
from narthex.errors import ScrapeError
from narthex.model.labels import METRIC_NAME, Labels, is_label_name, is_metric_name, quote
from narthex.model.relabel import process

EXPORTED_PREFIX = "exported_"


class LabelLimitExceeded(ScrapeError):
    """A series has more or longer labels than the job allows."""


class SampleLabels:
    """The label policy of one job, for one target's labels."""

    def __init__(self, config: ScrapeConfig, target: Labels) -> None:
        self._target = target.as_dict()
        self._honor = config.honor_labels
        self._rules = rules(config.metric_relabel_configs, config.legacy_names)
        self._legacy = config.legacy_names
        self._limit = config.label_limit
        self._name_limit, self._value_limit = config.label_name_length_limit, config.label_value_length_limit

    def of(self, exposed: Mapping[str, str]) -> Labels | None:
        """The stored labels of an exposed series, None when relabelling drops it.

        Raises ScrapeError, which fails the whole scrape, when they break a limit or are not valid.
        """
        if self._honor:
            # An exposed label that is empty keeps the target's away and vanishes itself.
            merged = {**self._target, **exposed}
        else:
            merged = {**exposed, **self._target}
            if not self._target.keys().isdisjoint(exposed):
                self._rename_clashes(exposed, merged)
        labels: Labels | None = Labels(merged)
        if self._rules and labels is not None:
            labels = process(labels, self._rules)
        if labels is None:
            return None
        self._check(labels)
        return labels

    def report(self, name: str) -> Labels:
        """Labels of a series about the scrape itself, such as `up`."""
        return Labels({**self._target, METRIC_NAME: name})

    def _rename_clashes(self, exposed: Mapping[str, str], merged: dict[str, str]) -> None:
        # Shorter names first, so that a renamed label never takes the place of one that clashes itself.
        clashes = sorted((n for n in self._target if exposed.get(n)), key=len)
        for name in clashes:
            renamed = EXPORTED_PREFIX + name
            while merged.get(renamed):
                renamed = EXPORTED_PREFIX + renamed
            merged[renamed] = exposed[name]

    def _check(self, labels: Labels) -> None:
        metric = labels.get(METRIC_NAME)
        if metric is None:
            raise ScrapeError(f"missing metric name (__name__ label) in {labels}")
        if self._legacy and not (is_metric_name(metric) and all(map(is_label_name, labels))):
            raise ScrapeError(f"invalid metric name or label names in {labels}: the job allows legacy names only")
        if self._limit and len(labels) > self._limit:
            raise LabelLimitExceeded(
                f"label_limit exceeded (metric: {metric:.50}, number of labels: {len(labels)}, limit: {self._limit})"
            )
        if self._name_limit or self._value_limit:
            self._check_lengths(metric, labels)

    def _check_lengths(self, metric: str, labels: Labels) -> None:
        for name, value in labels.items():
            length = len(name.encode())
            if self._name_limit and length > self._name_limit:
                raise LabelLimitExceeded(
                    f"label_name_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, "
                    f"length: {length}, limit: {self._name_limit})"
                )
            length = len(value.encode())
            if self._value_limit and length > self._value_limit:
                raise LabelLimitExceeded(
                    f"label_value_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, "
                    f"value: {quote(value[:50])}, length: {length}, limit: {self._value_limit})"
                )
