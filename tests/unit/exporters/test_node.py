from __future__ import annotations

import re
from pathlib import Path

import pytest

from narthex.exporters.node.collectors import COLLECTORS, collect
from narthex.exporters.node.paths import Paths
from narthex.instrument import write_text

_LINE = re.compile(r"([a-zA-Z0-9_]+(?:\{.*\})?) (\S+)")


def samples(text: str) -> dict[str, float]:
    matches = (_LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))
    return {m[1]: float(m[2]) for m in matches if m}


@pytest.mark.parametrize(
    ("collector", "families"),
    [
        ("cpu", r"node_cpu_(guest_)?seconds_total"),
        ("diskstats", r"node_disk_(?!info|filesystem|device_mapper|ata)\w+"),
        ("loadavg", r"node_load\d+"),
        ("meminfo", r"node_memory_(?!numa)\w+"),
        ("stat", r"node_(intr_total|context_switches_total|forks_total|boot_time_seconds|procs_running|procs_blocked)"),
    ],
)
def test_the_peers_fixture_tree_gives_the_peers_numbers(conformance: Path, collector: str, families: str) -> None:
    fixtures = conformance / "node-exporter"
    wanted = re.compile(families + r"(\{|\Z)")
    every = samples((fixtures / "e2e-output.txt").read_text())
    expected = {series: value for series, value in every.items() if wanted.match(series)}
    assert expected
    text = write_text(COLLECTORS[collector](Paths(procfs=fixtures / "proc"))).decode()
    assert samples(text) == pytest.approx(expected, rel=1e-12)


def test_every_collector_works_on_this_host() -> None:
    found = samples(write_text(collect(Paths(), COLLECTORS)).decode())
    for name in COLLECTORS:
        assert found[f'node_scrape_collector_success{{collector="{name}"}}'] == 1
    assert found["node_memory_MemTotal_bytes"] > 0
    assert any(series.startswith("node_network_receive_bytes_total{") for series in found)
    assert any(series.startswith("node_filesystem_size_bytes{") for series in found) or not Path("/proc/1").exists()


def test_a_collector_that_cannot_read_its_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "loadavg").write_text("0.1 0.2 0.3 1/2 3\n")
    found = samples(write_text(collect(Paths(procfs=tmp_path), ["meminfo", "loadavg"])).decode())
    assert found['node_scrape_collector_success{collector="meminfo"}'] == 0
    assert found["node_load5"] == 0.2


def test_octal_escapes_and_the_root_prefix_are_taken_off_mount_points(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "host" / "a b").mkdir(parents=True)
    root = str(tmp_path / "host")
    line = f"21 1 8:1 / {root}/a\\040b ro,relatime shared:1 - ext4 /dev/sda1 ro"
    (tmp_path / "1" / "mountinfo").write_text(f"{line}\n22 1 8:2 / /elsewhere rw - ext4 /dev/sdb1 rw\n")
    text = write_text(collect(Paths(procfs=tmp_path, rootfs=Path(root)), ["filesystem"])).decode()
    series = 'node_filesystem_readonly{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a b"}'
    assert samples(text)[series] == 1
    assert "elsewhere" not in text
