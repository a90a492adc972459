"""Servers with Prometheus' HTTP API as processes on loopback: ours and, with the same interface, the peer."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from support.process import Process, free_port, require
from support.waiting import TIMEOUT, wait_until


class ApiServer(Process):
    """A server on a port of 127.0.0.1."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(command, log, cwd, env)
        self.port = port

    def request(self, path: str, method: str = "GET", patience: float = TIMEOUT, **query: Any) -> tuple[int, bytes]:
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

    def metric(self, name: str) -> float:
        """A series of its own exposition, with labels as they stand there."""
        for line in self.request("/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"{self.command[0]} exposes no {name}")

    def wait_ready(self, path: str = "/-/ready") -> None:
        """Until `path` is answered with 200; fails with the log when the process ends."""

        def check() -> bool:
            self.check_alive()
            return self.request(path)[0] == 200

        wait_until(f"readiness of {self.command[0]}", check)

    def ready(self) -> Self:
        self.wait_ready()
        return self


def narthex_server(config: Path, data: Path, *flags: str, port: int | None = None) -> ApiServer:
    port = port or free_port()
    command = [
        sys.executable, "-m", "narthex", "server", f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", *flags,
    ]  # fmt: skip
    return ApiServer(command, port, config.parent / "narthex.log")


def prometheus_server(config: Path, data: Path, *flags: str, port: int | None = None) -> ApiServer:
    """Debian's Prometheus; skips the test where it is not installed."""
    require("prometheus")
    port = port or free_port()
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", *flags,
    ]  # fmt: skip
    return ApiServer(command, port, config.parent / "prometheus.log")
