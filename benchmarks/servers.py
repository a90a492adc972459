"""Servers under measurement: started on a free port, watched through /proc, stopped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`narthex server` or Debian's Prometheus on a configuration and a data directory; a context manager."""

    def __init__(self, program: str, config: Path, data: Path, *flags: str) -> None:
        self.port = free_port()
        start = [sys.executable, "-m", "narthex", "server"] if program == "narthex" else [program]
        command = [*start, f"--config.file={config}", f"--storage.tsdb.path={data}"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.get("/-/ready")
                return self
            except OSError:
                time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        raise SystemExit(f"{self.process.args} does not get ready")

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait()

    def get(self, path: str, **query: object) -> bytes:
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=120) as response:
            body: bytes = response.read()
            return body

    def value(self, expression: str) -> float:
        """The only element of an instant vector; NaN without one."""
        result: list[Any] = json.loads(self.get("/api/v1/query", query=expression))["data"]["result"]
        return float(result[0]["value"][1]) if result else float("nan")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Bytes that belong to the process alone: not files that are mapped."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise SystemExit("this kernel does not tell RssAnon")


def peer() -> str | None:
    """The peer's program, None (and a word about it) where it is not installed."""
    path = shutil.which("prometheus")
    if path is None:
        print("prometheus is not installed (Debian: apt-get install prometheus): no ratios", flush=True)
    return path
