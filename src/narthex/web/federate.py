"""/federate: the newest samples of matching series in the text format, for another server to scrape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from narthex.errors import NarthexError
from narthex.model.labels import METRIC_NAME, is_label_name, is_metric_name
from narthex.model.matcher import Matcher
from narthex.model.number import format_float, is_stale
from narthex.native import SeriesBatch
from narthex.storage.contract import Queryable
from narthex.web.context import Context, need
from narthex.web.reply import error_kind, error_status
from narthex.web.transport import send

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def federate(context: Context, request: web.Request) -> web.StreamResponse:
    try:
        parse = need(context.language, "the parser").selector
        storage = need(context.local_storage, "storage")
        selectors = [parse(text) for text in request.query.getall("match[]", [])]
        now = int(context.clock.now() * 1000)
        window = (now - context.settings.lookback, now)
        external = context.state.external_labels
        body = await context.workers.call(exposition, storage, selectors, window, external)
    except NarthexError as e:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return web.Response(status=error_status(error_kind(e)), body=f"{e}\n".encode(), headers=headers)
    return await send(request, body, content_type=_MEDIA_TYPE)


def exposition(
    storage: Queryable, selectors: Sequence[Sequence[Matcher]], window: tuple[int, int], external: Mapping[str, str]
) -> bytes:
    """The newest sample of each series in `window` (milliseconds, inclusive), stale series left out, sorted by name.

    External labels are added where the series has none of that name, and an empty instance, so that the scraping
    server does not put its own.
    """
    querier = storage.querier(*window)
    try:
        batches = [batch for batch in map(querier.select, selectors) if len(batch)]
        lines = _newest(SeriesBatch.merge(batches), window, external) if batches else []
    finally:
        querier.close()
    out: list[str] = []
    last = None
    for name, line in sorted(lines):
        if name != last:
            out.append(f"# TYPE {_quoted(name, is_metric_name(name))} untyped\n")
            last = name
        out.append(line)
    return "".join(out).encode("utf-8", "replace")


def _newest(batch: SeriesBatch, window: tuple[int, int], external: Mapping[str, str]) -> list[tuple[str, str]]:
    lines = []
    for row in range(len(batch)):
        times, values = batch.samples(row, *window)
        if len(times) == 0 or is_stale(float(values[-1])):
            continue
        labels = {"instance": "", **external, **batch.labels[row]}
        name = labels.pop(METRIC_NAME, "")
        pairs = [f'{_quoted(n, is_label_name(n))}="{_escape(v)}"' for n, v in sorted(labels.items())]
        plain = is_metric_name(name)
        inner = ",".join(pairs if plain else [_quoted(name, False), *pairs])
        lines.append((name, f"{name if plain else ''}{{{inner}}} {format_float(float(values[-1]))} {int(times[-1])}\n"))
    return lines


def _quoted(name: str, plain: bool) -> str:
    return name if plain else f'"{_escape(name)}"'


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
