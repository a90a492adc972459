"""Random selectors over head and blocks: Prometheus on a copy of the directory finds the same series, names, values."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels, quote
from narthex.promql.syntax import parse_selector
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock
from support.process import needs
from support.prometheus import Prometheus, label_text

pytestmark = needs("prometheus")

MINUTE = 60_000
HOUR = 60 * MINUTE
SELECTORS = 300
# No newline in a value: the dot of Prometheus 2 does not match it, that of Prometheus 3 does.
PATHS = ["/", "/a/b", "/é/😀", "A.B+C", "a.b+c", "x" * 300, "ſK", "1", "01"]
NAMES = ["__name__", "job", "instance", "pod", "path", "zone", "rare", "never"]


FIXED = [
    "[a-z]+-[0-9a-f]+",
    ".*[0-9]{2}.*",
    "[^/]+",
    "\\w+",
    "\\W.*",
    ".{3,8}",
    ".*",
    ".+",
    "(.+)?",
    "(api|worker)-?.*",
    ".*\\n.*",
    "(?s).+o.l.*",
    "(?-s).*",
    ".",
    "[\\d.:]+",
    "(a|b|w)[pe].*",
    "\\S+\\b",
    "(?m)^two$.*",
    "\\PL+",
]


def label_sets(choose: random.Random) -> list[dict[str, str]]:
    found = {}
    for i in range(600):
        labels = {
            "__name__": choose.choice(["up", "llm_requests_total", "llm_request_seconds_bucket", "go_gc"]),
            "job": choose.choice(["api", "api-gateway", "worker"]),
            "instance": f"10.0.{i % 3}.{i % 40}:9100",
            "pod": f"{choose.choice(['api', 'worker', 'web'])}-{choose.getrandbits(28):07x}",
            "path": choose.choice(PATHS),
        }
        if i % 3:
            labels["zone"] = f"eu-{i % 4}"
        if i % 50 == 0:
            labels["rare"] = "yes"
        found[label_text(labels)] = labels
    return list(found.values())


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DB, Prometheus, int, list[dict[str, str]]]]:
    """A third of the series lives in a block alone, a third in the head alone.

    Wherever the day is, two blocks are cut: the second time the head drops what it only remembers, as Prometheus does.
    """
    data = tmp_path_factory.mktemp("selections") / "data"
    now = round(time.time() * 1000) // (2 * HOUR) * (2 * HOUR) - 10 * MINUTE
    db = DB.open(data, DBOptions(), Registry(), FakeClock(now / 1000))
    rows = label_sets(random.Random(5))
    for at in range(now - 5 * HOUR, now, 10 * MINUTE):
        alive = [
            i % 3 == 0 or (i % 3 == 1 and at < now - 4 * HOUR) or (i % 3 == 2 and at > now - HOUR)
            for i in range(len(rows))
        ]
        appender = db.appender()
        refs = np.array([appender.series(Labels(labels)) for labels in rows], np.uint64)
        chosen = refs[np.array(alive)]
        appender.append(chosen, np.full(len(chosen), at, np.int64), np.zeros(len(chosen)))
        appender.commit()
    db.maintain()
    assert len(db.blocks()) == 2 and db.head.counts().series > 0
    copy = data.parent / "copy"
    shutil.copytree(data, copy)
    (copy / "lock").unlink(missing_ok=True)
    with Prometheus(copy, "--storage.tsdb.retention.time=100y") as peer:
        yield db, peer, now, rows
    db.close()


def escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\.+*?()|[]{}^$" else c for c in text)


def pattern(choose: random.Random, values: list[str]) -> str:
    """A regular expression that has to do with values that occur."""
    value, other = choose.choice(values), choose.choice(values)
    cut = choose.randint(0, min(len(value), 8))
    start, end, middle = escaped(value[:cut]), escaped(value[cut:]), escaped(value[cut // 2 : cut])
    return choose.choice(
        [
            f"{start}.*",
            f".*{end}",
            f".*{middle}.*",
            f".+{middle}.*",
            f"{start}.+{end[-3:] if end.isalnum() else ''}",
            escaped(value),
            f"{escaped(value)}|{escaped(other)}|no",
            f"({start}|{escaped(other)}).*",
            f"^{escaped(value)}$",
            f"(?i){escaped(value.upper())}",
            f"(?i:{start}).*|{escaped(other)}",
            f"{escaped(value)}|",
            *FIXED,
        ]
    )


def selector(choose: random.Random, rows: list[dict[str, str]]) -> str:
    while True:
        parts = []
        for _ in range(choose.randint(1, 4)):
            name = choose.choice(NAMES)
            values = [row[name] for row in rows if name in row] or ["x"]
            operator = choose.choice(["=", "!=", "=~", "=~", "!~"])
            value = choose.choice([*values, ""]) if "~" not in operator else pattern(choose, values)
            parts.append(f"{name}{operator}{quote(value)}")
        text = "{" + ",".join(parts) + "}"
        if not all(m.matches("") for m in parse_selector(f'{{{",".join(parts)},x!="y"}}').matchers[:-1]):
            return text


def test_random_selectors_find_what_prometheus_finds(
    sides: tuple[DB, Prometheus, int, list[dict[str, str]]],
) -> None:
    db, peer, now, rows = sides
    choose = random.Random(11)
    found = 0
    windows = [(now - 6 * HOUR, now), (now - 30 * MINUTE, now), (now - 5 * HOUR, now - 5 * HOUR + MINUTE)]
    for turn in range(SELECTORS):
        text = selector(choose, rows)
        matchers = parse_selector(text).matchers
        mint, maxt = choose.choice(windows)
        bounds = {"match[]": text, "start": mint / 1000, "end": maxt / 1000}
        sets = db.querier(mint, maxt).series(matchers)
        ours = [label_text(sets[row]) for row in range(len(sets))]
        assert len(set(ours)) == len(ours)
        assert sorted(ours) == sorted(map(label_text, peer.api("series", **bounds))), (turn, text)
        found += len(ours)
        querier = db.querier(now - 6 * HOUR, now)
        assert querier.label_names(matchers) == peer.api("labels", **{"match[]": text}), (turn, text)
        name = choose.choice(NAMES)
        values = querier.label_values(name, matchers)
        assert values == peer.api(f"label/{name}/values", **{"match[]": text}), (turn, text, name)
        for limit in (1, len(values)):
            assert querier.label_values(name, matchers, limit) == list(values)[: limit or None]
        assert len(db.querier(mint, maxt).series(matchers, 5)) >= min(5, len(ours))
    assert found > SELECTORS


def test_names_and_values_without_matchers_are_those_of_prometheus(
    sides: tuple[DB, Prometheus, int, list[dict[str, str]]],
) -> None:
    db, peer, now, _ = sides
    querier = db.querier(now - 6 * HOUR, now)
    assert querier.label_names() == peer.api("labels")
    for name in NAMES:
        assert querier.label_values(name) == peer.api(f"label/{name}/values")
        assert querier.label_values(name, (), 2) == peer.api(f"label/{name}/values")[:2]


def test_statistics_count_what_prometheus_counts(sides: tuple[DB, Prometheus, int, list[dict[str, str]]]) -> None:
    db, peer, _, _ = sides
    ours, theirs = db.head_stats(), peer.api("status/tsdb")

    def counts(entries: list[dict[str, int]]) -> list[int]:
        return [entry["value"] for entry in entries]

    assert ours.num_series == theirs["headStats"]["numSeries"]
    assert [n for _, n in ours.series_count_by_metric_name] == counts(theirs["seriesCountByMetricName"])
    assert [n for _, n in ours.label_value_count_by_label_name] == counts(theirs["labelValueCountByLabelName"])
    # Prometheus 2 counts the bytes of each value once, Prometheus 3 once a series.
    assert ours.memory_in_bytes_by_label_name != []
    assert [n for _, n in ours.series_count_by_label_pair] == counts(theirs["seriesCountByLabelValuePair"])
