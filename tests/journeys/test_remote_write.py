"""Remote write between real processes: what is scraped arrives sample for sample, whoever is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.exporter import Exporter
from support.process import free_port
from support.remote_write import NarthexReceiver, PrometheusReceiver, Stored, VictoriaMetricsReceiver, alike, in_log
from support.waiting import wait_until

RECEIVERS = [PrometheusReceiver, VictoriaMetricsReceiver, NarthexReceiver]
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: it
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
remote_write:
  - url: http://127.0.0.1:{receiver}/api/v1/write
    protobuf_message: {message}
    queue_config: {{batch_send_deadline: 50ms, max_backoff: 500ms, max_samples_per_send: 200}}
"""
Receiver = PrometheusReceiver | VictoriaMetricsReceiver


class Pair:
    """A sender and a receiver on one directory; either may be killed and started again."""

    def __init__(self, directory: Path, make: type[Receiver], target: Exporter, agent: bool) -> None:
        self.data, self.port, self._agent = directory / "data", free_port(), agent
        self._directory, self._make, self._config = directory, make, directory / "prometheus.yml"
        self._config.write_text(CONFIG.format(target=target.port, receiver=self.port, message=make.message))
        self.running: list[ApiServer] = []

    def receiver(self) -> Receiver:
        process = self._make(self._directory, self.port)
        self.running.append(process)
        process.wait_ready("/health" if isinstance(process, VictoriaMetricsReceiver) else "/-/ready")
        return process

    def sender(self) -> ApiServer:
        port = free_port()
        path = "agent" if self._agent else "tsdb"
        storage = [*(["--agent"] if self._agent else []), f"--storage.{path}.path={self.data}"]
        command = [sys.executable, "-m", "narthex", "server", f"--config.file={self._config}", *storage]
        command.append(f"--web.listen-address=127.0.0.1:{port}")
        self.running.append(ApiServer(command, port, self._directory / "sender.log"))
        return self.running[-1].ready()


@pytest.fixture
def pair(tmp_path: Path, target: Exporter, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(tmp_path, getattr(request, "param", PrometheusReceiver), target, agent=False)
    yield made
    for process in made.running:
        process.kill()


def scrapes(more: int, target: Exporter) -> None:
    wanted = target.scrapes + more
    wait_until("scrapes", lambda: target.scrapes >= wanted)


def same(receiver: Receiver, data: Path) -> Stored:
    """After the sender ended: what was received, which must be what the sender's log holds."""
    logged = in_log(data)
    assert sum("made" in labels for labels in logged) == 100
    received: Stored = {}

    def arrived() -> bool:
        received.update(receiver.stored())
        return alike(received, logged, receiver.OFF)

    try:
        wait_until("all samples", arrived, 10.0)
    except AssertionError:
        lost = {k: sorted(set(rows) - set(received.get(k, []))) for k, rows in logged.items()}
        more = {k: len(rows) - len(logged.get(k, [])) for k, rows in received.items()}
        lost, more = {k: v for k, v in lost.items() if v}, {k: v for k, v in more.items() if v > 0}
        text = f"lost of {len(lost)}: {list(lost.items())[:2]}; too many of {len(more)}: {list(more.items())[:2]}"
        raise AssertionError(text) from None
    return received


@pytest.mark.parametrize("pair", RECEIVERS, indirect=True)
def test_every_sample_arrives(pair: Pair, target: Exporter) -> None:
    receiver, sender = pair.receiver(), pair.sender()
    scrapes(12, target)
    assert sender.stop() == 0
    assert len(same(receiver, pair.data)) > 100


@pytest.mark.parametrize("pair", RECEIVERS, indirect=True)
def test_a_receiver_that_was_killed_gets_what_it_missed(pair: Pair, target: Exporter) -> None:
    receiver, sender = pair.receiver(), pair.sender()
    scrapes(5, target)
    sent = wait_until("a first sample", receiver.stored)
    receiver.stop(receiver.END)
    scrapes(8, target)
    again = pair.receiver()
    scrapes(3, target)
    assert sender.stop() == 0
    received = same(again, pair.data)
    assert all(set(rows) <= set(received[labels]) for labels, rows in sent.items())


@pytest.mark.parametrize("pair", RECEIVERS, indirect=True)
def test_a_sender_that_was_killed_goes_on_where_it_was(pair: Pair, target: Exporter) -> None:
    receiver, sender = pair.receiver(), pair.sender()
    scrapes(5, target)
    receiver.stop(receiver.END)
    scrapes(5, target)
    sender.kill()  # with samples that were not sent
    again = pair.receiver()
    sender = pair.sender()
    scrapes(3, target)
    assert sender.stop() == 0
    same(again, pair.data)


def test_a_sender_that_is_killed_again_and_again_loses_nothing(pair: Pair, target: Exporter) -> None:
    receiver = pair.receiver()
    for round_ in range(6):
        sender = pair.sender()
        scrapes(3, target)
        time.sleep(0.037 * round_)  # kills that fall anywhere between a scrape and an acknowledgement
        sender.kill()
    sender = pair.sender()
    scrapes(2, target)
    assert sender.stop() == 0
    same(receiver, pair.data)


def test_an_agent_forwards_what_it_scrapes_also_after_a_kill(tmp_path: Path, target: Exporter) -> None:
    pair = Pair(tmp_path, PrometheusReceiver, target, agent=True)
    try:
        receiver, agent = pair.receiver(), pair.sender()
        scrapes(6, target)
        agent.kill()
        agent = pair.sender()
        scrapes(6, target)
        assert agent.stop() == 0
        same(receiver, pair.data)
    finally:
        for process in pair.running:
            process.kill()
