"""What an OTLP request costs: points a CPU second from body to log, and the parts of it.

    python -m benchmarks.otlp [--points 10000] [--attributes 6] [--metrics 100] [--requests 20] [--directory DIR]

The requests are counters of one resource, as protobuf, a second apart; the first, which creates the series, is left
out. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from narthex.clock import SystemClock
from narthex.config.storage import OTLPConfig
from narthex.instrument import Registry
from narthex.native import OtlpRequest
from narthex.remote.otlp import OtlpReceiver
from narthex.remote.otlp_translate import OtlpFeatures, Translator
from narthex.remote.otlp_wire import put_bytes, put_double, put_fixed64, put_int
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

_NS = 1_000_000


def message(field: int, *parts: bytes) -> bytes:
    out = bytearray()
    put_bytes(out, field, b"".join(parts))
    return bytes(out)


def attribute(field: int, key: str, value: str) -> bytes:
    return message(field, message(1, key.encode()), message(2, message(1, value.encode())))


def point(number: int, attributes: int, now: int) -> bytes:
    out = bytearray()
    put_fixed64(out, 2, 1)
    put_fixed64(out, 3, now * _NS)
    put_double(out, 4, number * 1.5)
    values = [f"request-{number}", *(f"value-{k}-{number % (k + 5)}" for k in range(1, attributes))]
    return message(1, bytes(out), *(attribute(7, f"http.attribute.{k}", value) for k, value in enumerate(values)))


def request(points: int, attributes: int, metrics: int, now: int) -> bytes:
    kind = bytearray()
    put_int(kind, 2, 2)
    put_int(kind, 3, 1)
    sums = [
        message(2, message(1, b"app.requests.%d" % m), message(3, b"s"),
                message(7, bytes(kind), *(point(n, attributes, now) for n in range(points // metrics))))
        for m in range(metrics)
    ]  # fmt: skip
    resource = message(1, attribute(1, "service.name", "shop"), attribute(1, "host.name", "h1"))
    return message(1, resource, message(2, *sums))


def cpu_seconds(bodies: list[bytes], work: Callable[[bytes], object]) -> float:
    """Of one body."""
    begun = time.process_time()
    for body in bodies:
        work(body)
    return (time.process_time() - begun) / len(bodies)


def run(directory: Path, points: int, attributes: int, metrics: int, requests: int) -> dict[str, float]:
    now = int(time.time() * 1000)
    first, *bodies = (request(points, attributes, metrics, now + i * 1000) for i in range(requests + 1))
    db = DB.open(directory, DBOptions(), Registry(), SystemClock())
    receiver = OtlpReceiver(db, OtlpFeatures(), SystemClock(), Registry())
    receiver.receive(first, json=False)
    translator = Translator(OTLPConfig(), OtlpFeatures())
    decode = cpu_seconds(bodies, OtlpRequest)
    translate = cpu_seconds(bodies, lambda body: translator.translate(OtlpRequest(body)))
    everything = cpu_seconds(bodies, lambda body: receiver.receive(body, json=False))
    db.close()
    return {
        "points_per_cpu_second": round(points / everything),
        "body_bytes": len(first),
        "decode_ms": round(decode * 1e3, 2),
        "decode_and_translate_ms": round(translate * 1e3, 2),
        "request_ms": round(everything * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--attributes", type=int, default=6)
    parser.add_argument("--metrics", type=int, default=100)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--directory", type=Path)
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="narthex-otlp-"))
    try:
        found = run(directory / "data", arguments.points, arguments.attributes, arguments.metrics, arguments.requests)
        print(json.dumps(found))
    finally:
        if arguments.directory is None:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
