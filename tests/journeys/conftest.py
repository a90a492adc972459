"""Fixtures of journeys: processes and exporters that always end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .processes import Exporter, Process, narthex_server


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    exporter = Exporter()
    yield exporter
    exporter.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts servers on tmp_path/prometheus.yml and tmp_path/data; kills what a test leaves running."""
    running: list[Process] = []

    def run(*flags: str, port: int | None = None) -> Process:
        process = narthex_server(tmp_path / "prometheus.yml", tmp_path / "data", *flags, port=port)
        running.append(process)
        return process

    yield run
    for process in running:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait()
        if not process.closed:
            process.stop()
