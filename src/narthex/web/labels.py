"""/labels, /label/<name>/values and /series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from narthex.errors import RequestError
from narthex.model.labels import is_utf8_name, quote
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, TextList, rows_json
from narthex.storage.contract import Querier, Queryable
from narthex.tasks.paces import shape
from narthex.web.context import Context, need
from narthex.web.parameters import MAX_TIME, MIN_TIME, Parameters
from narthex.web.reply import TRUNCATED, Reply
from narthex.web.transport import PIECE
from narthex.web.work import Work


def label_names(context: Context, parameters: Parameters) -> Work:
    return _texts(context, parameters, "", lambda querier, matchers, most: querier.label_names(matchers, most))


def label_values(context: Context, parameters: Parameters, name: str) -> Work:
    name = unescape(name)
    if not is_utf8_name(name):
        raise RequestError("bad_data", f"invalid label name: {quote(name)}")
    return _texts(context, parameters, name, lambda querier, matchers, most: querier.label_values(name, matchers, most))


def _texts(
    context: Context, parameters: Parameters, label: str, ask: Callable[[Querier, Sequence[Matcher], int], TextList]
) -> Work:
    """Names (`label` is empty) or values for each selector, or for none, united."""
    storage, (start, end), selectors, limit = _arguments(context, parameters)
    most = limit + 1 if limit else 0  # one more than wanted tells that there are more

    def look_up() -> Reply:
        querier = storage.querier(start, end)
        try:
            found = [ask(querier, matchers, most) for matchers in selectors or [()]]
        finally:
            querier.close()
        texts = found[0] if len(found) == 1 else TextList.merge(found, most)
        return Reply(texts.json(limit), [*querier.warnings, *_truncation(len(texts), limit)])

    return _work(context, _key(f"texts {label}", parameters, start, end), look_up)


def series(context: Context, parameters: Parameters) -> Work:
    if not parameters.texts("match[]"):
        raise RequestError("bad_data", "no match[] parameter provided")
    storage, (start, end), selectors, limit = _arguments(context, parameters)

    def look_up() -> Reply:
        querier = storage.querier(start, end)
        try:
            found = [querier.series(matchers, limit + 1 if limit else 0) for matchers in selectors]
        finally:
            querier.close()
        rows = found[0] if len(found) == 1 else LabelSets.merge(found)
        return Reply(_rows(rows, limit), [*querier.warnings, *_truncation(len(rows), limit)])

    return _work(context, _key("series", parameters, start, end), look_up)


def _work(context: Context, key: tuple[object, ...], look_up: Callable[[], Reply]) -> Work:
    """What was quick lately, as `key` tells it from others, is quick."""
    workers = context.workers
    return Work(lambda: workers.quick_look_up(key, look_up), lambda: workers.look_up(key, look_up))


def _key(kind: str, parameters: Parameters, start: int, end: int) -> tuple[object, ...]:
    """What the work of a look-up depends on, beside the data."""
    return (kind, *parameters.texts("match[]"), parameters.limit(), shape((start, end, 1))[1:])


def _rows(rows: LabelSets, limit: int) -> bytes | Iterator[bytes]:
    """A list of label sets, in pieces when it is long: their text is many times their size in memory."""
    count = min(len(rows), limit or len(rows))
    text, row = rows_json(rows, 0, count, PIECE)
    if row == count:
        return b"[" + text + b"]"

    def pieces() -> Iterator[bytes]:
        yield b"[" + text
        at = row
        while at < count:
            piece, at = rows_json(rows, at, count, PIECE)
            yield piece
        yield b"]"

    return pieces()


def _truncation(count: int, limit: int) -> Sequence[str]:
    return [TRUNCATED] if limit and count > limit else ()


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
