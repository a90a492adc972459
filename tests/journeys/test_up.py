"""`narthex up` as a newcomer starts it: all answers, an alert of a simulated fault arrives, Ctrl-C ends everything."""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.process import free_port
from support.waiting import wait_until

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


class Up(ApiServer):
    """The process, as a server with the API of the server in it."""

    def __init__(self, folder: Path, ports: Mapping[str, int], *flags: str) -> None:
        arguments = [f"--{name}-port={port}" for name, port in ports.items()]
        command = [sys.executable, "-m", "narthex", "up", f"--data={folder}", "--models=llama-3-70b"]
        super().__init__([*command, *arguments, *flags], ports["server"], folder / "up.log")

    def see(self, pattern: str, timeout: float) -> None:
        """Until a line of the output matches."""

        def check() -> bool:
            self.check_alive()
            return re.search(pattern, self.log()) is not None

        wait_until(f"{pattern!r} in the output", check, timeout)

    def targets(self) -> dict[str, int]:
        """How many targets of the server are in which state."""
        return Counter(t["health"] for t in self.api("targets")["activeTargets"])


def free_ports() -> dict[str, int]:
    return {name: free_port() for name in ("server", "alertmanager", "node", "receiver", "llm")}


def test_an_error_storm_is_told_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    ports = free_ports()
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "quick.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(PROMETHEUS.format(**ports))
    (tmp_path / "alertmanager.yml").write_text(ALERTMANAGER.format(**ports))
    with Up(tmp_path, ports, "--fault=error-storm", "--fault-after=12s", "--fault-duration=10s") as up:
        up.see("everything is running", 60)
        wait_until("every target up", lambda: up.targets() == {"up": 4})
        up.see(r"notification \[FIRING:1\] alertname=ErrorStorm model=llama-3-70b", 60)
        up.see(r"firing +ErrorStorm since .*: llama-3-70b: \S+ errors a second", 5)
        up.see(r"notification \[RESOLVED:1\] alertname=ErrorStorm", 60)
        assert up.stop(signal.SIGINT) == 0, up.log()
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(tmp_path, {"server": port})
        assert up.process.wait(60) == 2
    assert f"127.0.0.1:{port} cannot be used" in up.log()
    assert not (tmp_path / "prometheus.yml").exists()
