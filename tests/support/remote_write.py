"""Receivers of remote write as processes, and what they hold of what a sender has."""

from __future__ import annotations

import json
import math
import signal
import sys
from pathlib import Path

from narthex.tsdb.read_only import ReadOnlyDB
from support.api_server import ApiServer
from support.process import require
from support.prometheus import label_text

Stored = dict[str, list[tuple[int, float]]]
"""By label text: (milliseconds, value)."""


FIRST, SECOND = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"


class PrometheusReceiver(ApiServer):
    message = FIRST
    END = signal.SIGKILL
    """The hardest end after which it still has what it acknowledged."""
    OFF = 0.0
    """By what share of itself a value may be off."""

    def __init__(self, directory: Path, port: int) -> None:
        require("prometheus")
        config = directory / "receiver.yml"
        config.write_text("global: {scrape_interval: 1h}\n")
        command = [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'received'}",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
        ]  # fmt: skip
        super().__init__(command, port, directory / "receiver.log")

    def stored(self) -> Stored:
        data = self.api("query", query='{__name__!=""}[1h]')
        return {label_text(r["metric"]): [(round(t * 1000), float(v)) for t, v in r["values"]] for r in data["result"]}


class NarthexReceiver(PrometheusReceiver):
    """Ours, which takes the second version of the protocol, too."""

    message = SECOND

    def __init__(self, directory: Path, port: int) -> None:
        config = directory / "receiver.yml"
        config.write_text("global: {scrape_interval: 1h}\n")
        command = [
            sys.executable, "-m", "narthex", "server", f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'received'}", f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
        ]  # fmt: skip
        ApiServer.__init__(self, command, port, directory / "receiver.log")


class VictoriaMetricsReceiver(ApiServer):
    message = FIRST
    END = signal.SIGTERM  # a kill would take what it acknowledged in the last seconds
    OFF = 1e-9  # it keeps decimal numbers, which are a little off a float's last digits

    def __init__(self, directory: Path, port: int) -> None:
        require("victoria-metrics")
        command = [
            "victoria-metrics", f"-storageDataPath={directory / 'received'}", f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
        ]  # fmt: skip
        super().__init__(command, port, directory / "receiver.log")

    def stored(self) -> Stored:
        self.request("/internal/force_flush")
        lines = self.request("/api/v1/export", **{"match[]": '{__name__!=""}'})[1].splitlines()
        rows = [json.loads(line) for line in lines]
        return {label_text(r["metric"]): list(zip(r["timestamps"], r["values"], strict=True)) for r in rows}


def alike(received: Stored, sent: Stored, off: float) -> bool:
    """Whether all samples are the same but for `off` in their values."""
    return received.keys() == sent.keys() and all(
        len(rows) == len(received[labels])
        and all(
            t == time and math.isclose(v, value, rel_tol=off)
            for (t, v), (time, value) in zip(received[labels], rows, strict=True)
        )
        for labels, rows in sent.items()
    )


def in_log(data: Path) -> Stored:
    """What a data directory holds, stale markers aside."""
    with ReadOnlyDB.open(data).querier(-(2**62), 2**62) as querier:
        batch = querier.select([])
    out: Stored = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        rows = [(t, v) for t, v in zip(times.tolist(), values.tolist(), strict=True) if v == v]
        out[label_text(batch.labels[row])] = rows
    return out
