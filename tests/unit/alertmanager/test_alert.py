from __future__ import annotations

from dataclasses import replace

from narthex.alertmanager.alert import Alert, fingerprint, merge
from narthex.model.labels import Labels

NOW = 1000.0
OLD = Alert(Labels({"alertname": "A"}), Labels(), starts_at=900, ends_at=1100, updated_at=950)


def test_the_fingerprint_is_prometheus_fnv_of_sorted_labels() -> None:
    # Values that the real Alertmanager shows for these label sets.
    assert fingerprint({}) == "cbf29ce484222325"
    assert fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})


def test_overlapping_posts_keep_the_earliest_start() -> None:
    new = replace(OLD, starts_at=950, ends_at=1200, updated_at=1000)
    assert merge(OLD, new, NOW) == replace(new, starts_at=900)


def test_a_post_after_the_end_replaces_the_alert() -> None:
    new = replace(OLD, starts_at=1150, ends_at=1200, updated_at=1160)
    assert merge(OLD, new, NOW) == new


def test_a_firing_update_does_not_shorten_an_explicit_end() -> None:
    new = replace(OLD, starts_at=950, ends_at=1050, updated_at=1000, timeout=True)
    assert merge(OLD, new, NOW).ends_at == 1100


def test_a_resolution_ends_a_firing_alert() -> None:
    new = replace(OLD, ends_at=990, updated_at=1000)
    assert merge(OLD, new, NOW).ends_at == 990
