"""`tsdb create-blocks-from rules`: recording rules over a time that has passed, asked of a server, as blocks.

Each rule is asked for once a block range, at the times at which its group would have been evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from narthex.app.promtool.api import ask
from narthex.app.promtool.import_blocks import ImportOptions, write_blocks
from narthex.app.promtool.reporting import fallible
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import QueryError
from narthex.model.labels import METRIC_NAME
from narthex.native import LabelSets
from narthex.net.client import HTTPClient
from narthex.rules.loader import load_rule_files
from narthex.rules.spec import GroupSpec, RuleSpec
from narthex.tasks.loop import run_loop
from narthex.tsdb.backfill import Backfill, block_duration


@dataclass(frozen=True)
class RuleImport:
    """Times are milliseconds, both inclusive; `interval` is for groups that have none."""

    files: Sequence[str]
    url: str
    start: int
    end: int
    interval: int


@fallible
def import_rules(wanted: RuleImport, options: ImportOptions) -> None:
    """Alerting rules are left out. Blocks are made once every rule was answered."""
    groups = load_rule_files(wanted.files, interval_ms=wanted.interval)
    with Backfill(options.output, block_duration(options.longest)) as backfill:
        run_loop(_ask_all(groups, wanted, block_duration(options.longest), backfill))
        write_blocks(backfill, options)


async def _ask_all(groups: Sequence[GroupSpec], wanted: RuleImport, duration: int, into: Backfill) -> None:
    async with HTTPClient(HTTPClientConfig()) as client:
        for group in groups:
            for rule in group.rules:
                for start, end in spans(group, wanted.start, wanted.end, duration):
                    if not rule.alerting:
                        await _ask(client, wanted.url, group, rule, start, end, into)


def spans(group: GroupSpec, start: int, end: int, duration: int) -> Iterator[tuple[int, int]]:
    """For each block range the group's first and last time of evaluation in it; both inclusive."""
    for block in range(start // duration * duration, end + 1, duration):
        first, last = max(block, start), min(block + duration - 1, end)
        first = group.slot(first + group.interval_ms - 1)
        if first <= last:
            yield first, group.slot(last)


async def _ask(
    client: HTTPClient, url: str, group: GroupSpec, rule: RuleSpec, start: int, end: int, into: Backfill
) -> None:
    form = {"query": rule.expr, "start": start / 1000, "end": end / 1000, "step": group.interval_ms / 1000}
    _take(await ask(client, url, "query_range", form, f"query range: rule {rule.name}"), rule, into)


def _take(data: dict[str, object], rule: RuleSpec, into: Backfill) -> None:
    """Raises QueryError for anything but a matrix."""
    result = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(result, list):
        raise QueryError(f"rule result is wrong type {data.get('resultType')}")
    for series in result:
        sets = LabelSets()
        labels = {**series["metric"], **rule.labels, METRIC_NAME: rule.name}
        sets.add([(name, value) for name, value in labels.items() if value])
        times = np.array([round(t * 1000) for t, _ in series.get("values", ())], dtype=np.int64)
        values = np.array([float(v) for _, v in series.get("values", ())])
        into.append(np.full(len(times), into.series(sets)[0], dtype=np.uint32), times, values)
