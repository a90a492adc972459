"""Programs as child processes: ports, starting, output, signals, never one left behind."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

STOP_TIMEOUT = 40.0  # seconds from a signal to the end
# Debian's package of each peer.
_PACKAGES: Mapping[str, str] = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "victoria-metrics": "victoria-metrics",
    "vmagent": "victoria-metrics",
    "prometheus-node-exporter": "prometheus-node-exporter",
}


def needs(*programs: str) -> Any:
    """A mark that skips tests where one of the peers is not installed."""
    return pytest.mark.skipif(bool(reason := _missing(programs)), reason=reason)


def require(*programs: str) -> None:
    """Skips the running test where one of the peers is not installed."""
    if reason := _missing(programs):
        pytest.skip(reason)


def _missing(programs: Sequence[str]) -> str:
    missing = [p for p in programs if shutil.which(p) is None]
    packages = sorted({_PACKAGES[p] for p in missing})
    return f"{', '.join(missing)} not installed (Debian: apt-get install {' '.join(packages)})" if missing else ""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A running program; its output goes to `log`. As a context manager it is stopped at the end of the block."""

    def __init__(
        self, command: Sequence[str], log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.log_path = list(command), log
        with log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output, cwd=cwd, env=env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def check_alive(self) -> None:
        assert self.process.poll() is None, f"{self.command[0]} ended: {self.log()}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code; kills what does not end. May be called again."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_TIMEOUT)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
