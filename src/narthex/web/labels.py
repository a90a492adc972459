"""/labels, /label/<name>/values and /series."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.errors import RequestError
from narthex.model.labels import is_utf8_name, quote
from narthex.model.matcher import Matcher
from narthex.native import LabelSets
from narthex.storage.contract import Queryable
from narthex.web.context import Context, need
from narthex.web.parameters import MAX_TIME, MIN_TIME, Parameters
from narthex.web.reply import TRUNCATED, Reply, json_reply


async def label_names(context: Context, parameters: Parameters) -> Reply:
    storage, (start, end), selectors, limit = _arguments(context, parameters)

    def look_up() -> Reply:
        querier = storage.querier(start, end)
        try:
            found = [querier.label_names(matchers) for matchers in selectors or [()]]
        finally:
            querier.close()
        return _merged(found, limit)

    return await context.workers.call(look_up)


async def label_values(context: Context, parameters: Parameters, name: str) -> Reply:
    name = unescape(name)
    if not is_utf8_name(name):
        raise RequestError("bad_data", f"invalid label name: {quote(name)}")
    storage, (start, end), selectors, limit = _arguments(context, parameters)

    def look_up() -> Reply:
        querier = storage.querier(start, end)
        try:
            found = [querier.label_values(name, matchers) for matchers in selectors or [()]]
        finally:
            querier.close()
        return _merged(found, limit)

    return await context.workers.call(look_up)


async def series(context: Context, parameters: Parameters) -> Reply:
    if not parameters.texts("match[]"):
        raise RequestError("bad_data", "no match[] parameter provided")
    storage, (start, end), selectors, limit = _arguments(context, parameters)

    def look_up() -> Reply:
        querier = storage.querier(start, end)
        try:
            sets = [querier.series(matchers) for matchers in selectors]
        finally:
            querier.close()
        rows = _rows(sets, limit + 1 if limit else 0)
        return json_reply(rows[:limit], [TRUNCATED]) if limit and len(rows) > limit else json_reply(rows)

    return await context.workers.call(look_up)


def unescape(name: str) -> str:
    """A label name of a URL: names that start with U__ carry `_hex_` for characters and `__` for an underscore.

    A name that is not well escaped is taken as it stands.
    """
    if not name.startswith("U__"):
        return name
    out, i, text = [], 0, name[3:]
    while i < len(text):
        if text[i] != "_":
            out.append(text[i])
            i += 1
        elif text.startswith("__", i):
            out.append("_")
            i += 2
        else:
            end = text.find("_", i + 1)
            digits = text[i + 1 : end] if end > 0 else ""
            if not 0 < len(digits) <= 6 or any(d not in "0123456789abcdefABCDEF" for d in digits):
                return name
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                return name
            out.append(chr(code))
            i = end + 1
    return "".join(out)


def _arguments(
    context: Context, parameters: Parameters
) -> tuple[Queryable, tuple[int, int], list[Sequence[Matcher]], int]:
    limit = parameters.limit()
    start, end = parameters.time("start", MIN_TIME), parameters.time("end", MAX_TIME)
    selectors = parameters.selectors("match[]", need(context.language, "the parser").selector)
    return need(context.storage, "storage"), (start, end), selectors, limit


def _merged(found: list[list[str]], limit: int) -> Reply:
    names = found[0] if len(found) == 1 else sorted(set().union(*found), key=str.encode)
    return json_reply(names[:limit], [TRUNCATED]) if limit and len(names) > limit else json_reply(names)


def _rows(sets: list[LabelSets], most: int) -> list[dict[str, str]]:
    """Label sets in label order, each once; at most `most` when it is not 0."""
    if len(sets) == 1:
        only = sets[0]
        return [only[row] for row in range(min(len(only), most) if most else len(only))]
    unique = {tuple(labels.items()): labels for each in sets for labels in (each[row] for row in range(len(each)))}
    rows = [unique[key] for key in sorted(unique)]
    return rows[:most] if most else rows
