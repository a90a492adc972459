"""Fixtures of journeys: processes and exporters that always end with the test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api_server import ApiServer, narthex_server
from support.exporter import Exporter


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    exporter = Exporter()
    yield exporter
    exporter.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ApiServer]]:
    """Starts servers on tmp_path/prometheus.yml and tmp_path/data; kills what a test leaves running."""
    running: list[ApiServer] = []

    def run(*flags: str, port: int | None = None) -> ApiServer:
        process = narthex_server(tmp_path / "prometheus.yml", tmp_path / "data", *flags, port=port)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()


@pytest.fixture
def target() -> Iterator[Exporter]:
    """100 series whose values are other ones with each scrape."""
    count = itertools.count(1)

    def respond(_: str) -> str:
        n = next(count)
        return "".join(f'made{{k="{k}"}} {n * 1000 + k}\n' for k in range(100))

    exporter = Exporter(respond)
    yield exporter
    exporter.close()
