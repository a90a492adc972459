"""Answers to small requests as bytes, beside aiohttp: what `Work.quick` does, for requests in their plainest form."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import formatdate

from narthex.net.plain_request import PlainRequest
from narthex.web.context import Context
from narthex.web.http_metrics import RouteMetrics
from narthex.web.parameters import Parameters
from narthex.web.reply import Reply, envelope
from narthex.web.transport import PIECE, encode
from narthex.web.work import WorkHandler

_FORM = b"application/x-www-form-urlencoded"
_ENCODED = re.compile(r"[%/]")
_OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\nDate: %s\r\n\r\n"
_CLOSING = _OPEN.replace(b"Date:", b"Connection: close\r\nDate:")
_Route = tuple[WorkHandler, RouteMetrics, bool]


class AtOnce:
    """net.connection.AnswerAtOnce over the routes that give `Work`.

    None is given for whatever is not simply a success: errors are made, and counted, in one place only.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._routes: dict[str, _Route] = {}
        self._named: list[tuple[str, str, Callable[[str], WorkHandler], RouteMetrics]] = []
        self._date = (0, b"")

    def add(self, path: str, handler: WorkHandler, metrics: RouteMetrics, forms: bool) -> None:
        """`forms` tells whether the route takes POST as well."""
        self._routes[path] = handler, metrics, forms

    def add_named(self, start: str, end: str, handler_of: Callable[[str], WorkHandler], metrics: RouteMetrics) -> None:
        """A route with a name between two parts of its path, for GET."""
        self._named.append((start, end, handler_of, metrics))

    def _route(self, path: str) -> _Route | None:
        if (found := self._routes.get(path)) is not None:
            return found
        for start, end, handler_of, metrics in self._named:
            if path.startswith(start) and path.endswith(end):
                name = path[len(start) : -len(end)]
                return (handler_of(name), metrics, False) if name and not _ENCODED.search(name) else None
        return None

    def __call__(self, request: PlainRequest) -> bytes | None:
        found = self._route(request.path)
        if found is None or not self._context.serves or b"origin" in request.headers:
            return None
        handler, metrics, forms = found
        body = ""
        if request.method == "POST":
            if not forms or request.headers.get(b"content-type") != _FORM or not request.body.isascii():
                return None
            body = request.body.decode("ascii")
        elif request.body:
            return None
        begun = time.perf_counter()
        try:
            reply = handler(self._context, Parameters.of(request.query, body)).quick()
        except Exception:
            return None
        response = None if reply is None else self._response(reply, request)
        if response is not None:
            metrics.answered(200, time.perf_counter() - begun, len(response[1]))
            return b"".join(response)
        return None

    def _response(self, reply: Reply, request: PlainRequest) -> tuple[bytes, bytes] | None:
        """Head and body."""
        parts = envelope(reply)
        if not isinstance(parts, list) or sum(map(len, parts)) > PIECE:
            return None
        headers: dict[str, str] = {}
        accepted = request.headers.get(b"accept-encoding", b"").decode("ascii")
        body = b"".join(encode(parts, accepted, headers))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii") if headers else b""
        head = _CLOSING if request.close else _OPEN
        return head % (lines, len(body), self._now()), body

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._date[0]:
            self._date = second, formatdate(second, usegmt=True).encode("ascii")
        return self._date[1]
