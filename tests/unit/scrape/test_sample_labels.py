from __future__ import annotations

from typing import Any

import pytest

from narthex.config.relabel import RelabelConfig
from narthex.errors import ScrapeError
from narthex.model.labels import Labels
from narthex.scrape.sample_labels import SampleLabels
from support.scrape import job

TARGET = Labels({"job": "j", "instance": "i"})


def stored(exposed: dict[str, str], **settings: Any) -> dict[str, str] | None:
    labels = SampleLabels(job(**settings), TARGET).of(exposed)
    return None if labels is None else labels.as_dict()


def test_target_labels_are_added_and_empty_ones_vanish() -> None:
    assert stored({"__name__": "m", "a": "", "b": "1"}) == {"__name__": "m", "b": "1", "instance": "i", "job": "j"}


def test_clashing_labels_are_renamed_until_free() -> None:
    exposed = {"__name__": "m", "job": "x", "exported_job": "y", "instance": ""}
    assert stored(exposed) == {
        "__name__": "m",
        "exported_exported_job": "x",
        "exported_job": "y",
        "instance": "i",
        "job": "j",
    }


def test_a_renamed_label_never_displaces_one_that_clashes_itself() -> None:
    target = Labels({"job": "j", "exported_job": "e"})
    labels = SampleLabels(job(), target).of({"__name__": "m", "job": "x", "exported_job": "y"})
    assert labels is not None
    assert labels.as_dict() == {
        "__name__": "m",
        "exported_exported_exported_job": "y",
        "exported_exported_job": "x",
        "exported_job": "e",
        "job": "j",
    }


def test_honoured_labels_win_and_empty_ones_keep_the_targets_away() -> None:
    exposed = {"__name__": "m", "job": "x", "instance": ""}
    assert stored(exposed, honor_labels=True) == {"__name__": "m", "job": "x"}


def test_metric_relabelling_sees_target_labels_and_may_drop() -> None:
    drop = RelabelConfig(source_labels=["job", "__name__"], regex="j;go_.*", action="drop")
    assert stored({"__name__": "go_x"}, metric_relabel_configs=[drop]) is None
    assert stored({"__name__": "x"}, metric_relabel_configs=[drop]) is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label_limit": 3}, r"label_limit exceeded \(metric: m, number of labels: 4, limit: 3\)"),
        ({"label_name_length_limit": 8}, r"label_name_length_limit exceeded .*label name: a_long_name, length: 11"),
        ({"label_value_length_limit": 4}, r'label_value_length_limit exceeded .*value: "value", length: 5, limit: 4'),
    ],
)
def test_limits_on_labels_name_what_broke_them(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ScrapeError, match=message):
        stored({"__name__": "m", "a_long_name": "value"}, **settings)


def test_utf8_names_are_refused_where_the_job_allows_legacy_names_only() -> None:
    assert stored({"__name__": "m.x"}) is not None
    with pytest.raises(ScrapeError, match="legacy names only"):
        stored({"__name__": "m.x"}, metric_name_validation_scheme="legacy")


def test_a_series_that_relabelling_leaves_without_name_is_refused() -> None:
    rename = RelabelConfig(target_label="__name__", replacement="")
    with pytest.raises(ScrapeError, match="missing metric name"):
        stored({"__name__": "m"}, metric_relabel_configs=[rename])
