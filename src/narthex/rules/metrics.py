"""prometheus_rule_*: how rule evaluation goes. Touched only from the event loop."""

from __future__ import annotations

from narthex.instrument import Registry
from narthex.rules.spec import GroupSpec


class RuleMetrics:
    """Counters and gauges of all groups; the label rule_group is `file;group`."""

    def __init__(self, registry: Registry) -> None:
        group = ["rule_group"]
        counter, gauge = registry.counter, registry.gauge
        self.evaluations = counter("prometheus_rule_evaluations_total", "Rule evaluations.", group)
        self.failures = counter("prometheus_rule_evaluation_failures_total", "Rule evaluations that failed.", group)
        self.iterations = counter(
            "prometheus_rule_group_iterations_total", "Scheduled evaluations of the group, done or missed.", group
        )
        self.missed = counter(
            "prometheus_rule_group_iterations_missed_total", "Evaluations missed because the last one took long.", group
        )
        self.interval = gauge("prometheus_rule_group_interval_seconds", "Interval of the group.", group)
        self.rules = gauge("prometheus_rule_group_rules", "Rules in the group.", group)
        self.last_duration = gauge("prometheus_rule_group_last_duration_seconds", "Duration of the last one.", group)
        self.last_rule_sum = gauge(
            "prometheus_rule_group_last_rule_duration_sum_seconds",
            "Sum of the rules' durations in the last one.",
            group,
        )
        self.last_time = gauge(
            "prometheus_rule_group_last_evaluation_timestamp_seconds", "Unix time of the last evaluation.", group
        )
        self.last_samples = gauge(
            "prometheus_rule_group_last_evaluation_samples", "Samples that the last evaluation gave.", group
        )
        self.last_restore = gauge(
            "prometheus_rule_group_last_restore_duration_seconds", "Time it took to restore alerts' state.", group
        )
        quantiles = (0.5, 0.9, 0.99)
        self.rule_duration = registry.summary(
            "prometheus_rule_evaluation_duration_seconds", "Duration of a rule's evaluation.", (), quantiles
        )
        self.group_duration = registry.summary(
            "prometheus_rule_group_duration_seconds", "Duration of a group's evaluation.", (), (0.01, 0.05, *quantiles)
        )

    def add(self, spec: GroupSpec) -> None:
        """Shows a group from its start, with zeros."""
        for family in (self.evaluations, self.failures, self.iterations, self.missed):
            family.labels(spec.key)
        self.interval.labels(spec.key).set(spec.interval_ms / 1000)
        self.rules.labels(spec.key).set(len(spec.rules))

    def remove(self, spec: GroupSpec) -> None:
        for family in (self.evaluations, self.failures, self.iterations, self.missed, self.interval, self.rules):
            family.remove(spec.key)
        for gauge in (self.last_duration, self.last_rule_sum, self.last_time, self.last_samples, self.last_restore):
            gauge.remove(spec.key)
