"""A target whose numbers the test sets."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Mapping
from typing import Any


class Exporter:
    """Answers every path with what `respond` gives for it, or with `body`, and counts how often it was asked.

    `headers` are those of the newest request.
    """

    def __init__(self, respond: Callable[[str], str] | None = None) -> None:
        self.body: str | bytes = ""
        self.content_type, self.status, self.scrapes = "text/plain; version=0.0.4", 200, 0
        self.headers: Mapping[str, str] = {}
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                exporter.scrapes += 1
                exporter.headers = dict(self.headers)
                answer = respond(self.path) if respond else exporter.body
                body = answer.encode() if isinstance(answer, str) else answer
                self.send_response(exporter.status)
                self.send_header("Content-Type", exporter.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return None

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
