"""A target made with Prometheus' own client library for Python, over HTTP as that library serves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


@dataclass
class ClientTarget:
    """`answers` are the headers of each answer that was given."""

    port: int
    answers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def client_target(registry: CollectorRegistry) -> Iterator[ClientTarget]:
    app = make_wsgi_app(registry)

    def noted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            target.answers.append(dict(headers))
            return start_response(status, headers, *more)

        return app(environ, start)

    server = make_server("127.0.0.1", 0, noted, ThreadingWSGIServer, _Silent)
    target = ClientTarget(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
