"""/status/*, /features and /notifications."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.errors import RequestError
from narthex.web.context import Context, need
from narthex.web.parameters import Parameters, bad_parameter
from narthex.web.reply import Reply, json_reply
from narthex.web.sources import StorageStatistics
from narthex.web.work import Work

_MOST_ENTRIES = 10_000


async def config(context: Context, parameters: Parameters) -> Reply:
    return json_reply({"yaml": context.state.config_yaml})


async def flags(context: Context, parameters: Parameters) -> Reply:
    return json_reply(dict(context.state.flags))


async def runtime_info(context: Context, parameters: Parameters) -> Reply:
    return json_reply(dict(context.state.runtime_info()))


async def build_info(context: Context, parameters: Parameters) -> Reply:
    return json_reply(dict(context.state.build_info()))


async def features(context: Context, parameters: Parameters) -> Reply:
    return json_reply({category: dict(entries) for category, entries in context.state.features.items()})


async def notifications(context: Context, parameters: Parameters) -> Reply:
    return json_reply([dict(entry) for entry in context.state.notifications()])


async def wal_replay(context: Context, parameters: Parameters) -> Reply:
    progress = context.state.replay
    return json_reply({"min": progress.first, "max": progress.last, "current": progress.current})


def tsdb(context: Context, parameters: Parameters) -> Work:
    text = parameters.text("limit", "10")
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise RequestError("bad_data", "limit must be a positive number")
    if limit > _MOST_ENTRIES:
        raise bad_parameter("limit", f"limit must not exceed {_MOST_ENTRIES}")
    storage = need(context.storage_status, "storage")

    def quick() -> Reply | None:
        found = storage.known_statistics(limit)
        return None if found is None else _statistics(found)

    async def run() -> Reply:
        return _statistics(await context.workers.call(storage.statistics, limit))

    return Work(quick, run)


def _statistics(found: StorageStatistics) -> Reply:
    return json_reply(
        {
            "headStats": {
                "numSeries": found.series,
                "numLabelPairs": found.label_pairs,
                "chunkCount": found.chunks,
                "minTime": found.min_time,
                "maxTime": found.max_time,
            },
            "seriesCountByMetricName": _entries(found.series_by_metric),
            "labelValueCountByLabelName": _entries(found.values_by_label),
            "memoryInBytesByLabelName": _entries(found.bytes_by_label),
            "seriesCountByLabelValuePair": _entries(found.series_by_pair),
        }
    )


async def tsdb_blocks(context: Context, parameters: Parameters) -> Reply:
    return json_reply({"blocks": [dict(block) for block in need(context.storage_status, "storage").blocks()]})


def _entries(pairs: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in pairs]
