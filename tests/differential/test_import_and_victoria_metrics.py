"""What VictoriaMetrics exports becomes blocks with the samples that it has."""

from __future__ import annotations

import random
import time
import urllib.request
from pathlib import Path

from narthex.app.promtool.import_blocks import ImportOptions, import_jsonl, import_prometheus
from narthex.tsdb.read_only import ReadOnlyDB
from support.api_server import ApiServer
from support.process import free_port, needs
from support.waiting import wait_until

pytestmark = needs("victoria-metrics")

Samples = dict[str, list[tuple[int, float]]]


def stored(path: Path) -> Samples:
    with ReadOnlyDB.open(path).querier(-(2**62), 2**62) as querier:
        batch = querier.select([])
    out = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        out[batch.labels[row]["core"]] = list(zip(times.tolist(), values.tolist(), strict=True))
    return out


def test_both_forms_of_an_export_give_the_samples_that_went_in(tmp_path: Path) -> None:
    rnd, start = random.Random(3), int(time.time()) * 1000 - 6 * 3_600_000
    want: Samples = {}
    for k in range(15):
        values = [rnd.choice([0.5, 1.0, 1e9, -3.5, 12.25]) for _ in range(500)]
        want[str(k)] = [(start + i * 15_000, v) for i, v in enumerate(values)]
    text = "".join(
        f'load{{core="{core}",zone="a \\"b\\" \\\\ {core}"}} {v!r} {t}\n'
        for core, rows in want.items()
        for t, v in rows
    )
    port = free_port()
    command = ["victoria-metrics", f"-storageDataPath={tmp_path / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}"]
    with ApiServer([*command, "-retentionPeriod=100y"], port, tmp_path / "vm.log") as peer:
        peer.wait_ready("/health")
        url = f"http://127.0.0.1:{port}/api/v1/import/prometheus"
        urllib.request.urlopen(urllib.request.Request(url, data=text.encode())).close()

        def exported() -> bytes | None:
            peer.request("/internal/force_flush")
            status, body = peer.request("/api/v1/export", **{"match[]": '{__name__!=""}'})
            return body if status == 200 and body.count(b"\n") == len(want) else None

        (tmp_path / "lines").write_bytes(wait_until("the export", exported))
    (tmp_path / "text").write_text(text)
    for work, source in ((import_jsonl, "lines"), (import_prometheus, "text")):
        assert work(tmp_path / source, ImportOptions(tmp_path / f"{source}.data", quiet=True)) == 0
        assert stored(tmp_path / f"{source}.data") == want
