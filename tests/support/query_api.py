"""A server of the query API that answers what a test wants."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, Self


class Peer:
    """Keeps the forms that it was asked with, and their paths. `answer` is for all of them, or `make` makes each."""

    def __init__(self, make: Callable[[dict[str, str]], dict[str, Any]] | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer: dict[str, Any] | None = None
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(urllib.parse.parse_qsl(text))
                peer.asked.append(form)
                peer.paths.append(self.path)
                answer = peer.answer
                if answer is None:
                    assert make is not None
                    answer = make(form)
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return None

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
