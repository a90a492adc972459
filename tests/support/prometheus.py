"""Debian's Prometheus without targets, fed by remote write and read by its HTTP API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from narthex.native import snappy_compress
from reference.chunk_histogram import Histogram
from support.api_server import ApiServer
from support.histogram_protobuf import histogram_message
from support.process import free_port, require
from support.protobuf import bytes_field as field
from support.protobuf import double_field, number_field
from support.waiting import wait_until

Samples = Sequence[tuple[int, float]]
"""(milliseconds, value)"""


class Prometheus(ApiServer):
    """Started on `data`, ready after construction; skips the test where it is not installed."""

    def __init__(self, data: Path, *flags: str, config: str = "") -> None:
        """`config` is added to the configuration file."""
        require("prometheus")
        port = free_port()
        path = data.parent / f"prometheus-{port}.yml"
        path.write_text("global: {scrape_interval: 1h}\n" + config)
        command = [
            "prometheus", f"--config.file={path}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=debug", *flags,
        ]  # fmt: skip
        super().__init__(command, port, data.parent / f"prometheus-{port}.log")
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def wait(self, condition: Callable[[], object]) -> None:
        """Until the condition holds; kills the process and fails after half a minute."""
        try:
            wait_until("what a test waits for", condition)
        except BaseException:
            self.kill()
            raise

    def samples(self, end: int, seconds: int, selector: str = '{__name__!=""}') -> dict[str, list[tuple[int, float]]]:
        """Raw samples of the last `seconds` before `end` (milliseconds, inclusive), by sorted label text."""
        data = self.api("query", query=f"{selector}[{seconds}s]", time=f"{end / 1000:.3f}")
        return {
            label_text(row["metric"]): [(round(t * 1000), float(v)) for t, v in row["values"]] for row in data["result"]
        }

    def write(self, series: Iterable[tuple[Mapping[str, str], Samples]]) -> None:
        """One remote-write request."""
        self._write(_label_fields(labels) + _sample_fields(samples) for labels, samples in series)

    def write_histograms(self, series: Iterable[tuple[Mapping[str, str], Sequence[tuple[int, Histogram]]]]) -> None:
        """One remote-write request; the samples are (milliseconds, histogram)."""
        self._write(
            _label_fields(labels) + b"".join(field(4, histogram_message(t, h)) for t, h in samples)
            for labels, samples in series
        )

    def _write(self, series: Iterable[bytes]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/write",
            data=snappy_compress(b"".join(field(1, s) for s in series)),
            headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"remote write failed: {e.read().decode()}") from e


def label_text(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(labels.items())))


def _label_fields(labels: Mapping[str, str]) -> bytes:
    pairs = (field(1, name.encode()) + field(2, value.encode()) for name, value in sorted(labels.items()))
    return b"".join(field(1, p) for p in pairs)


def _sample_fields(samples: Samples) -> bytes:
    return b"".join(field(2, double_field(1, v) + number_field(2, t)) for t, v in samples)
