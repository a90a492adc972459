"""`narthex up` as a newcomer starts it: all answers, an alert of a simulated fault arrives, Ctrl-C ends everything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import free_port, wait_until

pytestmark = pytest.mark.timeout(180)

PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules/*.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
- {{job_name: llm, static_configs: [{{targets: ["127.0.0.1:{llm}"]}}]}}
- {{job_name: node, static_configs: [{{targets: ["127.0.0.1:{node}"]}}]}}
- {{job_name: narthex, static_configs: [{{targets: ["127.0.0.1:{server}", "127.0.0.1:{alertmanager}"]}}]}}
"""
RULES = """
groups:
- name: quick
  rules:
  - alert: ErrorStorm
    expr: sum by (model) (rate(llm_request_errors_total[10s])) > 0.2
    annotations: {summary: "{{ $labels.model }}: {{ $value | humanize }} errors a second"}
"""
ALERTMANAGER = """
route: {{receiver: printer, group_by: [alertname, model], group_wait: 1s, group_interval: 2s}}
receivers: [{{name: printer, webhook_configs: [{{url: "http://127.0.0.1:{receiver}/"}}]}}]
"""


class Up:
    """The process with the lines it printed so far."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.ports = {name: free_port() for name in ("server", "alertmanager", "node", "receiver", "llm")}
        arguments = [f"--{name}-port={port}" for name, port in self.ports.items()]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "narthex", "up", f"--data={folder}", "--models=llama-3-70b", *arguments, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ.copy(),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def text(self) -> str:
        return "\n".join(self.lines)

    def see(self, pattern: str, timeout: float) -> None:
        wait_until(f"{pattern!r} in\n{self.text()}", lambda: re.search(pattern, self.text()), timeout)

    def targets(self) -> dict[str, int]:
        """How many targets of the server are in which state."""
        url = f"http://127.0.0.1:{self.ports['server']}/api/v1/targets"
        with urllib.request.urlopen(url, timeout=5) as response:
            return Counter(t["health"] for t in json.load(response)["data"]["activeTargets"])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(40)
        self.close()
        return code

    def close(self) -> None:
        """Kills what still runs and lets go of its output."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    running: list[Up] = []
    yield running
    for up in running:
        up.close()


def test_an_error_storm_is_told_when_it_begins_and_when_it_ends(tmp_path: Path, ups: list[Up]) -> None:
    up = Up(tmp_path, "--fault=error-storm", "--fault-after=12s", "--fault-duration=10s")
    ups.append(up)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "quick.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(PROMETHEUS.format(**up.ports))
    (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER.format(**up.ports))
    up.see("everything is running", 60)
    wait_until("every target up", lambda: up.targets() == {"up": 4}, 30)
    up.see(r"notification \[FIRING:1\] alertname=ErrorStorm model=llama-3-70b", 60)
    up.see(r"firing +ErrorStorm since .*: llama-3-70b: \S+ errors a second", 5)
    up.see(r"notification \[RESOLVED:1\] alertname=ErrorStorm", 60)
    assert up.stop() == 0, up.text()
    for port in up.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path, ups: list[Up]) -> None:
    first = Up(tmp_path)
    ups.append(first)
    first.see("everything is running", 60)
    second = subprocess.run(
        [sys.executable, "-m", "narthex", "up", f"--data={tmp_path}", f"--server-port={first.ports['server']}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 2
    assert f"127.0.0.1:{first.ports['server']} cannot be used" in second.stderr
    assert first.stop() == 0
