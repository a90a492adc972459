"""/admin/tsdb: deleting series, freeing their space, snapshots. Only with --web.enable-admin-api.

All of it may wait for a compaction, so it runs outside the workers: look-ups of others must not wait behind it.
"""

from __future__ import annotations

import asyncio

from narthex.errors import NarthexError, RequestError, StorageError
from narthex.model.labels import quote
from narthex.web.context import Context, need
from narthex.web.parameters import MAX_TIME, MIN_TIME, Parameters, bad_parameter
from narthex.web.reply import Reply, json_reply
from narthex.web.sources import StorageAdmin

_BOOLEANS = {
    **dict.fromkeys(("", "0", "f", "F", "false", "False", "FALSE"), False),
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
}


async def delete_series(context: Context, parameters: Parameters) -> Reply:
    """Selectors are taken one by one: those before a bad one have been deleted when it is refused."""
    storage = _storage(context)
    texts = parameters.texts("match[]")
    if not texts:
        raise RequestError("bad_data", "no match[] parameter provided")
    start, end = parameters.time("start", MIN_TIME), parameters.time("end", MAX_TIME)
    parse = need(context.language, "the query language").selector
    for text in texts:
        try:
            matchers = parse(text)
        except NarthexError as e:
            raise bad_parameter("match[]", str(e)) from None
        await asyncio.to_thread(storage.delete, matchers, start, end)
    return Reply(None)


async def clean_tombstones(context: Context, parameters: Parameters) -> Reply:
    await asyncio.to_thread(_storage(context).clean_tombstones)
    return Reply(None)


async def snapshot(context: Context, parameters: Parameters) -> Reply:
    storage = _storage(context)
    text = parameters.text("skip_head")
    if text not in _BOOLEANS:
        message = f"unable to parse boolean: strconv.ParseBool: parsing {quote(text)}: invalid syntax"
        raise bad_parameter("skip_head", message)
    try:
        name = await asyncio.to_thread(storage.snapshot, not _BOOLEANS[text])
    except StorageError as e:
        raise RequestError("internal", f"create snapshot: {e}") from e
    return json_reply({"name": name})


def _storage(context: Context) -> StorageAdmin:
    if not context.settings.admin:
        raise RequestError("unavailable", "admin APIs disabled")
    return need(context.storage_admin, "storage")
