"""Answers beside aiohttp are those that aiohttp gives."""

from __future__ import annotations

import gzip

import pytest
from multidict import CIMultiDict

from narthex.net.connection import AT_ONCE
from narthex.net.plain_request import PlainRequest, plain_request
from narthex.web.at_once import AtOnce

from .conftest import Web

PATHS = [
    "labels",
    "labels?match[]=up&limit=1",
    "label/job/values",
    "label/U__zo_2e_ne/values?start=1",
    "series?match[]=up&match[]=down",
    "series?match%5B%5D=up&start=2023-11-14T22:13:20%2B00:00",
    "status/tsdb",
    "status/tsdb?limit=3",
]
REFUSED = [
    "labels?limit=x",
    "series",
    "label/a%2Fb/values",
    "query?query=bad(",
    "status/tsdb?limit=0",
    "rules",
    "labels/",
]


@pytest.fixture
def at_once(web: Web) -> AtOnce:
    found = web.client.app[AT_ONCE]  # type: ignore[index]  # a test client knows its application
    assert isinstance(found, AtOnce)
    return found


def request(path: str, *headers: str, body: str = "") -> PlainRequest:
    method = "POST" if body else "GET"
    more = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(body)}"))
    made = plain_request(f"{method} /api/v1/{path} HTTP/1.1\r\nHost: x\r\n{more}\r\n{body}".encode())
    assert made is not None
    return made


def parted(response: bytes) -> tuple[str, CIMultiDict[str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, CIMultiDict(tuple(line.split(": ", 1)) for line in lines), body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["gzip, deflate", "identity"])
async def test_a_look_up_that_was_quick_lately_has_the_same_answer_and_headers(
    web: Web, at_once: AtOnce, path: str, encoding: str
) -> None:
    plain = request(path, f"Accept-Encoding: {encoding}")
    assert at_once(plain) is None
    for _ in range(2):  # at first in a thread, which shows that it is quick
        response = await web.client.get(f"/api/v1/{path}", headers={"Accept-Encoding": encoding})
        theirs = await response.read()
    ours = at_once(plain)
    assert ours is not None
    first, headers, body = parted(ours)
    assert first == "HTTP/1.1 200 OK"
    assert set(headers) == set(response.headers)
    for name in set(headers) - {"Date"}:
        assert headers[name] == response.headers[name]
    assert (gzip.decompress(body) if "Content-Encoding" in headers else body) == theirs


@pytest.mark.parametrize("path", REFUSED)
async def test_mistakes_and_other_routes_are_left_to_aiohttp(web: Web, at_once: AtOnce, path: str) -> None:
    await web.client.get(f"/api/v1/{path}")
    assert at_once(request(path)) is None


async def test_forms_of_other_origins_and_before_readiness_are_left_to_aiohttp(web: Web, at_once: AtOnce) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    await web.client.post("/api/v1/labels", data={"limit": "2"})
    ours = at_once(request("labels", form, body="limit=2"))
    assert ours is not None
    assert b"truncated" in ours
    assert at_once(request("labels", body="limit=2")) is None
    assert at_once(request("labels?limit=2", form, "Origin: http://x")) is None
    web.state.ready = False
    assert at_once(request("labels", form, body="limit=2")) is None


async def test_what_was_answered_at_once_is_counted(web: Web, at_once: AtOnce) -> None:
    await web.client.get("/api/v1/labels")
    assert at_once(request("labels")) is not None
    text = web.registry.expose().decode()
    assert 'prometheus_http_requests_total{handler="/api/v1/labels",code="200"} 2' in text
    assert 'prometheus_http_response_size_bytes_count{handler="/api/v1/labels"} 2' in text
    assert 'prometheus_http_request_duration_seconds_count{handler="/api/v1/labels"} 2' in text
