"""Debian's Prometheus as a process on loopback, fed by remote write and read by its HTTP API."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from narthex.native import snappy_compress

Samples = Sequence[tuple[int, float]]
"""(milliseconds, value)"""


def require_prometheus() -> str:
    """The binary's path; skips the test where there is none."""
    path = shutil.which("prometheus")
    if path is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    return path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Prometheus:
    """Started on `data`, ready after construction. A context manager that stops it gracefully."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.port = free_port()
        config = data.parent / f"prometheus-{self.port}.yml"
        config.write_text("global: {scrape_interval: 1h}\n")
        self.log_path = data.parent / f"prometheus-{self.port}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    require_prometheus(),
                    f"--config.file={config}",
                    f"--storage.tsdb.path={data}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.enable-remote-write-receiver",
                    "--log.level=debug",
                    *flags,
                ],
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"prometheus exited: {self.log()}")
            try:
                self._get("/-/ready")
                return
            except OSError:
                time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise AssertionError(f"prometheus is not ready: {self.log()}")

    def log(self) -> str:
        return self.log_path.read_text()

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.process.wait(30)

    def _get(self, path: str, **params: str) -> bytes:
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            body = answer.read()
        assert isinstance(body, bytes)
        return body

    def metric(self, name: str) -> float:
        """A metric without labels of its own exposition."""
        for line in self._get("/metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"prometheus exposes no {name}")

    def wait(self, condition: Callable[[], object]) -> None:
        """Until the condition holds; kills the process and fails after half a minute."""
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise AssertionError(f"prometheus did not get there: {self.log()}")
            time.sleep(0.05)

    def api(self, path: str, **params: str) -> Any:
        """The `data` of an answer."""
        answer = json.loads(self._get("/api/v1/" + path, **params))
        assert answer["status"] == "success"
        return answer["data"]

    def samples(self, end: int, seconds: int, selector: str = '{__name__!=""}') -> dict[str, list[tuple[int, float]]]:
        """Raw samples of the last `seconds` before `end` (milliseconds, inclusive), by sorted label text."""
        data = self.api("query", query=f"{selector}[{seconds}s]", time=f"{end / 1000:.3f}")
        return {
            label_text(row["metric"]): [(round(t * 1000), float(v)) for t, v in row["values"]] for row in data["result"]
        }

    def write(self, series: Iterable[tuple[Mapping[str, str], Samples]]) -> None:
        """One remote-write request."""
        body = b"".join(_field(1, _time_series(labels, samples)) for labels, samples in series)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/write",
            data=snappy_compress(body),
            headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"remote write failed: {e.read().decode()}") from e


def label_text(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(labels.items())))


def _varint(n: int) -> bytes:
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _time_series(labels: Mapping[str, str], samples: Samples) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    points = (b"\x09" + struct.pack("<d", v) + b"\x10" + _varint(t) for t, v in samples)
    return b"".join(_field(1, p) for p in pairs) + b"".join(_field(2, p) for p in points)
