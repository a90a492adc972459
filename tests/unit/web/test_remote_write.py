"""What the headers of a remote write request decide, and what its answer says."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping

import pytest

from narthex.remote.receive import WriteReceiver, WriteVersion, Written
from narthex.web.remote_write import MOST_BYTES, THREAD_BYTES

from .conftest import Web

SNAPPY = {"Content-Encoding": "snappy"}


class FakeReceiver(WriteReceiver):
    def __init__(self) -> None:
        self.answer = Written(204, "", 3, 2, 1)
        self.got: list[tuple[bytes, WriteVersion, bool]] = []
        """Bodies, versions, and whether they came in the event loop's thread."""

    def receive(self, body: bytes, version: WriteVersion) -> Written:
        self.got.append((body, version, threading.current_thread() is threading.main_thread()))
        return self.answer


@pytest.fixture
def receiver(web: Web) -> FakeReceiver:
    web.context.write_receiver = receiver = FakeReceiver()
    return receiver


async def post(
    web: Web, headers: Mapping[str, str], body: bytes | io.BytesIO = b"body"
) -> tuple[int, str, Mapping[str, str]]:
    async with web.client.post("/api/v1/write", data=body, headers={"Content-Type": "", **headers}) as response:
        return response.status, await response.text(), response.headers


def typed(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, **SNAPPY}


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        ("", WriteVersion.V1),
        ("application/x-protobuf", WriteVersion.V1),
        ("application/x-protobuf;proto=prometheus.WriteRequest", WriteVersion.V1),
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", WriteVersion.V2),
        ("application/x-protobuf; charset=x; proto=io.prometheus.write.v2.Request", WriteVersion.V2),
    ],
)
async def test_the_content_type_names_the_version(
    web: Web, receiver: FakeReceiver, content_type: str, version: WriteVersion
) -> None:
    status, text, headers = await post(web, typed(content_type))
    assert (status, text) == (204, "")
    assert receiver.got == [(b"body", version, True)]
    written = [
        headers.get(f"X-Prometheus-Remote-Write-{kind}-Written") for kind in ("Samples", "Histograms", "Exemplars")
    ]
    assert written == ([None] * 3 if version is WriteVersion.V1 else ["3", "2", "1"])


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (typed("application/json"), "expected application/x-protobuf as the first (media) part, got application/json"),
        (typed("application/x-protobuf;proto=x"), "unknown type for remote write protobuf message x"),
        (typed("application/x-protobuf;proto"), "expected parameters to be key-values, got proto"),
        ({"Content-Encoding": "gzip"}, "gzip encoding (compression) is not accepted by this server"),
        ({"Content-Encoding": "zstd"}, "zstd encoding (compression) is not accepted by this server"),
    ],
)
async def test_what_is_not_understood_is_answered_with_415(
    web: Web, receiver: FakeReceiver, headers: Mapping[str, str], text: str
) -> None:
    status, answer, _ = await post(web, headers)
    assert status == 415 and text in answer and answer.endswith("\n")
    assert receiver.got == []


async def test_bodies_without_an_encoding_are_taken_as_snappy(web: Web, receiver: FakeReceiver) -> None:
    assert (await post(web, {}))[0] == 204
    assert (await post(web, {"Content-Encoding": "Snappy"}))[0] == 204
    assert len(receiver.got) == 2


async def test_reasons_are_plain_text_beside_what_was_written(web: Web, receiver: FakeReceiver) -> None:
    receiver.answer = Written(400, "out of order sample", 1, 0, 0)
    status, text, headers = await post(web, typed("application/x-protobuf;proto=io.prometheus.write.v2.Request"))
    assert (status, text) == (400, "out of order sample\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"


async def test_large_bodies_are_stored_in_a_thread_and_too_large_ones_not_at_all(
    web: Web, receiver: FakeReceiver
) -> None:
    large = bytes(THREAD_BYTES + 1)
    assert (await post(web, SNAPPY, large))[0] == 204
    assert receiver.got == [(large, WriteVersion.V1, False)]
    status, text, _ = await post(web, SNAPPY, io.BytesIO(bytes(MOST_BYTES + 1)))
    assert status == 400 and "larger than" in text
    assert len(receiver.got) == 1


async def test_a_server_that_does_not_receive_says_which_flag_is_missing(web: Web) -> None:
    status, text, _ = await post(web, SNAPPY)
    assert status == 404
    assert text == "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n"
