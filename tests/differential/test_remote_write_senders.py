"""Real senders write to us over remote write; what arrives equals what they scraped, also across a kill."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_server import ApiServer, narthex_server
from support.process import Process, free_port, require
from support.prometheus import Prometheus, label_text
from support.waiting import wait_until

WINDOW = 60  # seconds that are compared
SCRAPED = '{job="self"}'
Samples = dict[str, list[tuple[int, str]]]
"""By sorted label text: (milliseconds, value as it is written, since NaN is not equal to NaN)."""


def samples(server: ApiServer, end: int) -> Samples:
    """Raw samples of the WINDOW before `end` (milliseconds, inclusive), by sorted label text."""
    data = server.api("query", query=f"{SCRAPED}[{WINDOW}s]", time=f"{end / 1000:.3f}")
    return {label_text(row["metric"]): [(round(t * 1000), v) for t, v in row["values"]] for row in data["result"]}


class Receiver:
    """Our server, on one port for all its lives."""

    def __init__(self, path: Path) -> None:
        self._path, self.port = path, free_port()
        (path / "receiver.yml").write_text("global: {scrape_interval: 1h}\n")
        self.start()

    def start(self) -> None:
        flag = "--web.enable-remote-write-receiver"
        self.server = narthex_server(self._path / "receiver.yml", self._path / "received", flag, port=self.port)
        self.server.wait_ready()

    def kill_and_restart(self, seconds_down: float) -> None:
        self.server.stop(signal.SIGKILL)
        time.sleep(seconds_down)  # the sender meets a closed port meanwhile
        self.start()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path)
    yield receiver
    receiver.server.kill()


def compare(theirs: ApiServer, receiver: Receiver) -> None:
    """Waits until all that the peer has up to now is here; a peer that receives as well may still wait for some."""
    end = int(time.time() * 1000)
    assert len(samples(theirs, end)) > 300 and max(map(len, samples(theirs, end).values())) > 10
    try:
        wait_until("the sender's samples", lambda: samples(receiver.server, end) == samples(theirs, end))
    except AssertionError:
        wanted, found = samples(theirs, end), samples(receiver.server, end)
        different = {name for name in wanted | found if wanted.get(name) != found.get(name)}
        name = min(different)
        missing = sorted(set(wanted.get(name, [])) - set(found.get(name, [])))
        added = sorted(set(found.get(name, [])) - set(wanted.get(name, [])))
        pytest.fail(f"{len(different)} of {len(wanted)} series differ, {name}: missing {missing}, not sent {added}")


def scraping(port: int) -> str:
    target = json.dumps(f"127.0.0.1:{port}")
    job = f"job_name: self, scrape_interval: 250ms, scrape_timeout: 250ms, static_configs: [{{targets: [{target}]}}]"
    return f"scrape_configs: [{{{job}}}]\n"


def test_prometheus_sends_all_it_scrapes_also_when_the_receiver_is_killed(tmp_path: Path, receiver: Receiver) -> None:
    require("prometheus")
    port = free_port()
    config = tmp_path / "sender.yml"
    config.write_text(
        scraping(port) + f"remote_write: [{{url: 'http://127.0.0.1:{receiver.port}/api/v1/write',"
        " queue_config: {max_shards: 2, batch_send_deadline: 200ms, max_backoff: 200ms}}]\n"
    )
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'sender'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with ApiServer(command, port, tmp_path / "sender.log") as sender:
        sender.wait_ready()
        wait_until("samples", lambda: len(samples(receiver.server, int(time.time() * 1000))) > 300)
        time.sleep(3)  # real programs scrape in real time
        receiver.kill_and_restart(2)
        time.sleep(3)
        compare(sender, receiver)


def test_vmagent_sends_us_what_it_sends_prometheus_also_when_the_receiver_is_killed(
    tmp_path: Path, receiver: Receiver
) -> None:
    require("vmagent", "prometheus")
    with Prometheus(tmp_path / "peer") as peer:
        config = tmp_path / "vmagent.yml"
        config.write_text(scraping(peer.port))
        command = [
            "vmagent", f"-promscrape.config={config}", f"-remoteWrite.tmpDataPath={tmp_path / 'queue'}",
            f"-httpListenAddr=127.0.0.1:{free_port()}", "-remoteWrite.flushInterval=200ms",
            "-remoteWrite.queues=1",  # with several, requests overtake each other and either side refuses other samples
            *(f"-remoteWrite.url=http://127.0.0.1:{port}/api/v1/write" for port in (receiver.port, peer.port)),
        ]  # fmt: skip
        with Process(command, tmp_path / "vmagent.log"):
            wait_until("samples", lambda: len(samples(receiver.server, int(time.time() * 1000))) > 300)
            time.sleep(3)
            receiver.kill_and_restart(2)
            time.sleep(3)
            compare(peer, receiver)
