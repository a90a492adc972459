"""POST /api/v1/otlp/v1/metrics over a real head: encodings, answers and refusals."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from narthex.config.storage import OTLPConfig
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.remote.otlp import OtlpReceiver
from narthex.remote.otlp_translate import OtlpFeatures
from narthex.tsdb.head import Head
from support.clock import FakeClock

PATH = "/api/v1/otlp/v1/metrics"
PROTOBUF, JSON = {"Content-Type": "application/x-protobuf"}, {"Content-Type": "application/json"}
MS = 1_000_000
NOW = 1_700_000_000_000  # milliseconds
ANY = [Matcher(MatchType.REGEX, "__name__", ".+")]


@pytest.fixture
def head(tmp_path: Any) -> Head:
    return Head.open(tmp_path / "data", Registry(), 7_200_000, 1 << 24)[0]


@pytest.fixture
async def client(web: Any, head: Head) -> AsyncIterator[TestClient[Any, Any]]:
    receiver = OtlpReceiver(head, OtlpFeatures(), FakeClock(NOW / 1000), web.registry)
    receiver.apply(OTLPConfig())
    web.context.otlp = receiver
    yield web.client


def stored(head: Head) -> dict[str, list[tuple[int, float]]]:
    batch = head.querier(-(2**62), 2**62).select(ANY)
    out = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        out[batch.labels[row]["__name__"]] = list(zip(times.tolist(), values.tolist(), strict=True))
    return out


def gauge(value: float = 1.0, time: int = NOW, name: str = "g") -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.gauge.data_points.add(as_double=value, time_unix_nano=time * MS)
    return request


def add_delta(request: ExportMetricsServiceRequest) -> None:
    metric = request.resource_metrics[0].scope_metrics[0].metrics.add(name="d")
    metric.sum.aggregation_temporality = 1
    for _ in range(3):
        metric.sum.data_points.add(as_int=1, time_unix_nano=NOW * MS)


async def test_protobuf_is_stored_and_answered_with_an_empty_message(client: TestClient[Any, Any], head: Head) -> None:
    answer = await client.post(PATH, data=gauge(2.5).SerializeToString(), headers=PROTOBUF)
    assert (answer.status, await answer.read()) == (200, b"")
    assert answer.content_type == "application/x-protobuf"
    assert stored(head) == {"g": [(NOW, 2.5)]}


async def test_json_is_stored_and_answered_with_an_empty_object(client: TestClient[Any, Any], head: Head) -> None:
    point = {"asInt": "7", "timeUnixNano": str(NOW * MS)}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "g", "gauge": {"dataPoints": [point]}}]}]}]}
    answer = await client.post(PATH, data=orjson.dumps(body), headers=JSON)
    assert (answer.status, await answer.read()) == (200, b"{}")
    assert stored(head) == {"g": [(NOW, 7.0)]}


async def test_gzip_is_taken(client: TestClient[Any, Any], head: Head) -> None:
    body = gzip.compress(gauge().SerializeToString())
    answer = await client.post(PATH, data=body, headers=PROTOBUF | {"Content-Encoding": "gzip"})
    assert answer.status == 200
    assert stored(head) == {"g": [(NOW, 1.0)]}


async def test_a_gzip_bomb_is_refused_with_flat_memory(client: TestClient[Any, Any]) -> None:
    bomb = gzip.compress(bytes(512 * 1024 * 1024), 9)
    tracemalloc.start()
    try:
        answer = await client.post(PATH, data=bomb, headers=PROTOBUF | {"Content-Encoding": "gzip"})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status == 400
    assert "bytes" in Status.FromString(await answer.read()).message
    assert peak < 100 * 1024 * 1024


@pytest.mark.parametrize("damaged", [0, 12, -8])
async def test_gzip_that_is_damaged_is_refused(client: TestClient[Any, Any], head: Head, damaged: int) -> None:
    body = bytearray(gzip.compress(gauge().SerializeToString()))
    body[damaged] ^= 0xFF
    answer = await client.post(PATH, data=bytes(body), headers=PROTOBUF | {"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert stored(head) == {}


async def test_bodies_that_do_not_decode_are_refused_in_their_encoding(client: TestClient[Any, Any]) -> None:
    answer = await client.post(PATH, data=b"\xff", headers=PROTOBUF)
    status = Status.FromString(await answer.read())
    assert (answer.status, status.code, "varint" in status.message) == (400, 3, True)
    answer = await client.post(PATH, data=b"[1", headers=JSON)
    document = orjson.loads(await answer.read())
    assert (answer.status, document["code"], "JSON" in document["message"]) == (400, 3, True)


async def test_other_content_types_and_encodings_are_refused(client: TestClient[Any, Any]) -> None:
    answer = await client.post(PATH, data=b"", headers={"Content-Type": "text/plain"})
    assert answer.status == 400
    assert (await answer.text()).startswith("unsupported content type: text/plain")
    answer = await client.post(PATH, data=b"", headers=PROTOBUF | {"Content-Encoding": "snappy"})
    assert answer.status == 400
    assert "unsupported compression: snappy" in Status.FromString(await answer.read()).message


async def test_what_has_no_form_here_is_told_as_partial_success(client: TestClient[Any, Any], head: Head) -> None:
    request = gauge()
    add_delta(request)
    answer = await client.post(PATH, data=request.SerializeToString(), headers=PROTOBUF)
    partial = ExportMetricsServiceResponse.FromString(await answer.read()).partial_success
    assert (answer.status, partial.rejected_data_points) == (200, 3)
    assert partial.error_message == 'invalid temporality and type combination for metric "d"'
    assert stored(head) == {"g": [(NOW, 1.0)]}


async def test_a_request_of_which_nothing_can_be_taken_is_refused(client: TestClient[Any, Any]) -> None:
    request = gauge()
    add_delta(request)
    del request.resource_metrics[0].scope_metrics[0].metrics[0]
    answer = await client.post(PATH, data=request.SerializeToString(), headers=PROTOBUF)
    assert answer.status == 400
    assert "invalid temporality" in Status.FromString(await answer.read()).message


async def test_a_sample_that_storage_refuses_refuses_the_request(client: TestClient[Any, Any], head: Head) -> None:
    assert (await client.post(PATH, data=gauge(1).SerializeToString(), headers=PROTOBUF)).status == 200
    request = gauge(2, NOW - 1)
    request.MergeFrom(gauge(3, NOW, "other"))
    answer = await client.post(PATH, data=request.SerializeToString(), headers=PROTOBUF)
    assert answer.status == 400
    assert Status.FromString(await answer.read()).message.startswith("out of order sample")
    assert stored(head) == {"g": [(NOW, 1.0)]}


async def test_a_point_far_in_the_future_refuses_the_request(client: TestClient[Any, Any], head: Head) -> None:
    body = gauge(1, NOW + 600_001).SerializeToString()
    answer = await client.post(PATH, data=body, headers=PROTOBUF)
    assert answer.status == 400
    assert "too far in the future" in Status.FromString(await answer.read()).message
    assert stored(head) == {}


async def test_without_the_flag_there_is_no_receiver(web: Any) -> None:
    answer = await web.client.post(PATH, data=b"", headers=PROTOBUF)
    assert answer.status == 404
    assert await answer.text() == "otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n"
