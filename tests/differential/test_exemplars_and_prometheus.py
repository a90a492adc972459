"""Exemplars in the log: what Narthex logged Debian's Prometheus answers with, in the same words as Narthex."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.native import LabelSets
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from support.process import needs
from support.prometheus import Prometheus

pytestmark = needs("prometheus")


def test_prometheus_answers_with_the_exemplars_of_our_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    start = round(time.time() * 1000) - 60_000
    head = Head.open(data, Registry(), 7_200_000, 1 << 24, settings=HeadSettings(max_exemplars=100))[0]
    for k in range(20):
        appender = head.appender()
        refs = np.array([appender.series(Labels({"__name__": "calls", "i": str(i)})) for i in range(5)], np.uint64)
        times = np.full(5, start + k * 1000)
        assert not appender.append(refs, times, np.full(5, float(k))).any()
        labels = LabelSets()
        for i in range(5):
            labels.add([("trace_id", f"{k}-{i}"), ("é", "😀")] if i % 2 else [])
        assert not appender.append_exemplars(refs, times, np.full(5, k / 3), labels).any()
        appender.commit()
    ours = {
        series["i"]: [(e.timestamp, repr(e.value), dict(e.labels)) for e in found]
        for series, found in head.exemplars([[Matcher(MatchType.EQUAL, "__name__", "calls")]], 0, start + 10**6)
    }
    head.close()
    assert sum(map(len, ours.values())) == 100
    with Prometheus(data, "--enable-feature=exemplar-storage") as peer:
        rows = peer.api("query_exemplars", query="calls", start=str(start / 1000 - 1), end=str(start / 1000 + 100))
    theirs = {
        row["seriesLabels"]["i"]: [
            (round(e["timestamp"] * 1000), repr(float(e["value"])), e["labels"]) for e in row["exemplars"]
        ]
        for row in rows
    }
    assert theirs == ours
