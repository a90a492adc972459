"""What receiving remote write costs a whole server: samples a CPU second, against Prometheus with the same requests.

    python -m benchmarks.remote_write [--series 100000] [--requests 1500] [--batch 2000] [--connections 4] [--version 1]

Requests are made before the measurement and sent over several connections, each series always over the same one. The
first time through all series (which makes them) is not measured. Prometheus of Debian knows version 1 alone.
"""

from __future__ import annotations

import argparse
import http.client
import random
import struct
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.servers import Server, peer

from narthex.native import snappy_compress

_INTERVAL = 15_000  # milliseconds between two samples of a series
_HEADERS = {
    1: {"Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"},
    2: {
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}


def varint(n: int) -> bytes:
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def message(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def label_sets(series: int) -> list[list[tuple[str, str]]]:
    """Ten labels each, as an inference server's metrics have them."""
    sets = []
    for i in range(series):
        instance, k = divmod(i, 200)
        labels = {
            "__name__": f"vllm:request_time_seconds_{k % 40}_bucket",
            "cluster": "eu-west-1",
            "container": "vllm",
            "engine": str(k % 8),
            "instance": f"10.2.{instance // 250}.{instance % 250}:8000",
            "job": "llm-serving",
            "le": str(0.001 * 2 ** (k // 40)),
            "model_name": f"meta-llama/Llama-3.1-{instance % 3 * 35 + 8}B-Instruct",
            "namespace": f"team-{instance % 17}",
            "pod": f"vllm-{instance:06d}-x7f{instance % 9}",
        }
        sets.append(sorted(labels.items()))
    return sets


class Bodies:
    """Requests of `batch` series each: part `p` of the series at round `r`."""

    def __init__(self, series: int, batch: int, version: int) -> None:
        self.batch, self.version = batch, version
        self.parts = -(-series // batch)
        self._symbols: list[dict[str, int]] = []
        sets = label_sets(series)
        self._labels = [self._encode(sets[p * batch : (p + 1) * batch]) for p in range(self.parts)]
        self._values = [random.Random(p) for p in range(self.parts)]
        self._counts = [
            [rng.randrange(1000) for _ in labels] for rng, labels in zip(self._values, self._labels, strict=True)
        ]

    def _encode(self, sets: list[list[tuple[str, str]]]) -> list[bytes]:
        if self.version == 1:
            return [b"".join(message(1, message(1, n.encode()) + message(2, v.encode())) for n, v in s) for s in sets]
        symbols = {"": 0}
        refs = [[symbols.setdefault(text, len(symbols)) for pair in s for text in pair] for s in sets]
        self._symbols.append(symbols)
        return [message(1, b"".join(map(varint, each))) for each in refs]

    def body(self, part: int, t: int) -> bytes:
        counts, rng = self._counts[part], self._values[part]
        time_field = b"\x10" + varint(t)
        series = []
        for i, labels in enumerate(self._labels[part]):
            counts[i] += rng.randrange(50)
            sample = message(2, b"\x09" + struct.pack("<d", counts[i]) + time_field)
            series.append(message(1 if self.version == 1 else 5, labels + sample))
        head = b"" if self.version == 1 else b"".join(message(4, s.encode()) for s in self._symbols[part])
        return snappy_compress(head + b"".join(series))


def send(port: int, bodies: list[bytes], version: int, failures: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Encoding": "snappy", "User-Agent": "narthex-benchmark", **_HEADERS[version]}
    for body in bodies:
        connection.request("POST", "/api/v1/write", body, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status // 100 != 2:
            failures.append(f"{response.status}: {text.decode(errors='replace')[:200]}")
            break
    connection.close()


def flood(port: int, queues: list[list[bytes]], version: int) -> None:
    failures: list[str] = []
    senders = [threading.Thread(target=send, args=(port, queue, version, failures)) for queue in queues]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if failures:
        raise SystemExit(f"a request failed: {failures[0]}")


def measured(program: str, folder: Path, rounds: list[list[list[bytes]]], samples: int, version: int) -> float:
    """Samples a CPU second. `rounds` are bodies by round and connection; the first is not measured."""
    name = Path(program).name
    config = folder / f"{name}.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    with Server(program, config, folder / name, "--web.enable-remote-write-receiver") as server:
        flood(server.port, rounds[0], version)
        time.sleep(2)  # what follows the making of series is not meant
        connections = [[body for each in rounds[1:] for body in each[c]] for c in range(len(rounds[0]))]
        cpu, begun = server.cpu_seconds(), time.monotonic()
        flood(server.port, connections, version)
        spent, seconds = server.cpu_seconds() - cpu, time.monotonic() - begun
        memory = server.memory()
        appended = "prometheus_tsdb_head_samples_appended_total"
        lines = server.get("/metrics").decode().splitlines()
        stored = sum(float(line.split()[-1]) for line in lines if line.startswith(appended))
        if stored != samples + samples // (len(rounds) - 1):
            raise SystemExit(f"{name} has stored {stored:,.0f} samples")
    print(
        f"{name:12}{samples / spent:12,.0f} samples a CPU second {samples / seconds:12,.0f} a second "
        f"{memory / 2**20:8.0f} MiB",
        flush=True,
    )
    return samples / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--version", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    made = Bodies(options.series, options.batch, options.version)
    rounds_wanted = max(2, options.requests // made.parts + 1)
    begin = int(time.time() * 1000) - rounds_wanted * _INTERVAL
    rounds = []
    for r in range(rounds_wanted):
        bodies = [made.body(p, begin + r * _INTERVAL) for p in range(made.parts)]
        rounds.append([bodies[c :: options.connections] for c in range(options.connections)])
    samples = options.series * (rounds_wanted - 1)
    size = sum(len(body) for queue in rounds[1] for body in queue) / made.parts
    print(f"{samples:,} samples in requests of {options.batch:,} series, {size / 1024:.0f} KiB each", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        ours = measured("narthex", Path(folder), rounds, samples, options.version)
        if options.version == 1 and (prometheus := peer()) is not None:
            theirs = measured(prometheus, Path(folder), rounds, samples, options.version)
            print(f"ratio       {ours / theirs:12.2f} x the samples a CPU second")


if __name__ == "__main__":
    main()
