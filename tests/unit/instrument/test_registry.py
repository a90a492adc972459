from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from narthex.instrument import Registry
from narthex.instrument.registry import SUMMARY_WINDOW


def read(registry: Registry) -> dict[str, tuple[str, str, dict[tuple[object, ...], float]]]:
    """What the official parser reads: type, help and samples of each family."""
    out = {}
    for family in text_string_to_metric_families(registry.expose().decode()):
        samples = {(s.name, *sorted(s.labels.items())): s.value for s in family.samples}
        out[family.name] = (family.type, family.documentation, samples)
    return out


def test_counters_and_gauges_read_back_with_all_their_children() -> None:
    registry = Registry()
    requests = registry.counter("requests_total", 'All "requests" \\ so\nfar.', ("code", "path"))
    requests.labels("200", "/").inc()
    requests.labels("500", 'a"b\\c\n').inc(2.5)
    registry.gauge("temperature", "Now.").set(-1.5)
    assert read(registry) == {
        "requests": (
            "counter",
            'All "requests" \\ so\nfar.',
            {
                ("requests_total", ("code", "200"), ("path", "/")): 1,
                ("requests_total", ("code", "500"), ("path", 'a"b\\c\n')): 2.5,
            },
        ),
        "temperature": ("gauge", "Now.", {("temperature",): -1.5}),
    }
    requests.remove("200", "/")
    assert len(read(registry)["requests"][2]) == 1


def test_values_may_be_asked_for_when_they_are_exposed() -> None:
    registry, values = Registry(), [3.0]
    registry.gauge("asked", "").set_function(lambda: values[-1])
    pushed = registry.gauge("pushed", "")
    registry.on_collect(lambda: pushed.set(values[-1] * 2))
    values.append(4.0)
    found = read(registry)
    assert found["asked"][2] == {("asked",): 4.0}
    assert found["pushed"][2] == {("pushed",): 8.0}


def test_buckets_count_what_is_not_greater_than_their_bound() -> None:
    registry = Registry()
    histogram = registry.histogram("seconds", "", buckets=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 1.0, 7.0):
        histogram.observe(value)
    samples = read(registry)["seconds"][2]
    buckets = {dict(key[1:])["le"]: v for key, v in samples.items() if key[0] == "seconds_bucket"}
    assert buckets == {"0.1": 2, "1": 4, "+Inf": 5}
    assert samples[("seconds_count",)] == 5
    assert samples[("seconds_sum",)] == pytest.approx(8.65)


def test_quantiles_are_those_of_the_newest_observations() -> None:
    registry = Registry()
    summary = registry.summary("lag", "", quantiles=(0.5,))
    assert math.isnan(read(registry)["lag"][2][("lag", ("quantile", "0.5"))])
    for value in range(3 * SUMMARY_WINDOW):
        summary.observe(value)
    samples = read(registry)["lag"][2]
    assert samples[("lag", ("quantile", "0.5"))] == 2.5 * SUMMARY_WINDOW
    assert samples[("lag_count",)] == 3 * SUMMARY_WINDOW


def test_mistakes_of_the_program_are_told() -> None:
    registry = Registry()
    counter = registry.counter("a_total", "", ("x",))
    with pytest.raises(ValueError, match="registered twice"):
        registry.gauge("a_total", "")
    with pytest.raises(ValueError, match="takes labels"):
        counter.labels()


def test_a_family_without_samples_is_left_out_and_the_others_are_sorted() -> None:
    registry = Registry()
    registry.counter("none_total", "", ("x",))
    registry.gauge("b", "")
    registry.gauge("a", "")
    lines = registry.expose().decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["a 0", "b 0"]
