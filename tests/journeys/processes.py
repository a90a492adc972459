"""Real processes on loopback for journeys: a server under test and an exporter whose numbers the test sets."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

START_TIMEOUT = 30.0  # seconds until a process must answer


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, check: Callable[[], Any], timeout: float = START_TIMEOUT) -> Any:
    """The first truthy result of `check`, asked again and again; connection failures count as not yet."""
    deadline = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = check()
            if last:
                return last
        except (OSError, urllib.error.URLError, json.JSONDecodeError) as e:
            last = e
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {timeout}s, last: {last!r}")


class Process:
    """A server with Prometheus' HTTP API, started from a command line."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command, self.port, self.log_path = list(command), port, log
        self._log = log.open("ab")
        self.process = subprocess.Popen(self.command, stdout=self._log, stderr=self._log, env=os.environ.copy())

    def request(self, path: str, method: str = "GET", patience: float = 10.0, **query: Any) -> tuple[int, bytes]:
        """Status and body, whatever the status."""
        url = f"http://127.0.0.1:{self.port}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query, doseq=True)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=patience) as response:
                return int(response.status), response.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read()

    def api(self, path: str, **query: Any) -> Any:
        """`data` of a successful API answer."""
        _, body = self.request(f"/api/v1/{path}", **query)
        answer = json.loads(body)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str, **query: Any) -> list[dict[str, Any]]:
        result = self.api("query", query=expression, **query)["result"]
        assert isinstance(result, list)
        return result

    def value(self, expression: str, **query: Any) -> float | None:
        """The only element's value; None without elements."""
        result = self.query(expression, **query)
        return float(result[0]["value"][1]) if result else None

    def ready(self) -> Process:
        def check() -> bool:
            assert self.process.poll() is None, self.log()
            return self.request("/-/ready")[0] == 200

        wait_until("readiness", check)
        return self

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._log.close()

    @property
    def closed(self) -> bool:
        """Whether `stop` was called."""
        return self._log.closed


def narthex_server(config: Path, data: Path, *flags: str, port: int | None = None) -> Process:
    port = port or free_port()
    command = [
        sys.executable, "-m", "narthex", "server", f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", *flags,
    ]  # fmt: skip
    return Process(command, port, config.parent / "narthex.log")


class Exporter:
    """Serves `body` on /metrics and counts how often it was asked."""

    def __init__(self) -> None:
        self.body, self.status, self.scrapes = "", 200, 0
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                exporter.scrapes += 1
                body = exporter.body.encode()
                self.send_response(exporter.status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
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
