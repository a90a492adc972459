"""Every answer fits Prometheus' OpenAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from narthex.web.sources import QueryAnswer

from .conftest import Web
from .openapi import Document

_VECTOR = QueryAnswer("vector", (b'[{"metric":{"a":"b"},"value":[1.5,"1"]}]',), ["w"], ["i"])
_MATRIX = QueryAnswer("matrix", (b'[{"metric":{},"values":[[1,"1"],[2,"NaN"]]}]',))

_REQUESTS = [
    ("/query", "/query?query=up", _VECTOR),
    ("/query", "/query?query=1", QueryAnswer("scalar", (b'[1,"1"]',))),
    ("/query_range", "/query_range?query=up&start=0&end=10&step=1", _MATRIX),
    ("/query_exemplars", "/query_exemplars?query=up&start=1&end=2", None),
    ("/format_query", "/format_query?query=up", None),
    ("/parse_query", "/parse_query?query=1", None),
    ("/labels", "/labels", None),
    ("/label/{name}/values", "/label/job/values", None),
    ("/series", "/series?match[]=up", None),
    ("/metadata", "/metadata", None),
    ("/scrape_pools", "/scrape_pools", None),
    ("/targets", "/targets", None),
    ("/targets/metadata", "/targets/metadata", None),
    ("/rules", "/rules", None),
    ("/rules", "/rules?group_limit=1", None),
    ("/alerts", "/alerts", None),
    ("/alertmanagers", "/alertmanagers", None),
    ("/status/config", "/status/config", None),
    ("/status/runtimeinfo", "/status/runtimeinfo", None),
    ("/status/buildinfo", "/status/buildinfo", None),
    ("/status/flags", "/status/flags", None),
    ("/status/tsdb", "/status/tsdb", None),
    ("/status/tsdb/blocks", "/status/tsdb/blocks", None),
    ("/status/walreplay", "/status/walreplay", None),
    ("/notifications", "/notifications", None),
    ("/features", "/features", None),
    ("/query", "/query?query=bad(", None),
    ("/series", "/series", None),
]


@pytest.fixture(scope="module")
def document(conformance: Path) -> Document:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Document(yaml.load((conformance / "api" / "openapi_3.1_golden.yaml").read_text(), Loader=loader))


@pytest.mark.parametrize(("path", "request_path", "answer"), _REQUESTS)
async def test_answers_fit_the_document(
    web: Web, document: Document, path: str, request_path: str, answer: QueryAnswer | None
) -> None:
    if answer is not None:
        web.engine.answer = answer
    response = await web.client.get(f"/api/v1{request_path}")
    body: Any = await response.json()
    assert body["status"] == ("success" if response.status == 200 else "error")
    assert document.problems(path, "get", response.status, body) == []


def test_the_validator_notices_what_does_not_fit(document: Document) -> None:
    assert document.problems("/labels", "get", 200, {"status": "success", "data": [1]}) != []
    assert document.problems("/labels", "get", 200, {"status": "success"}) != []
    assert document.problems("/labels", "get", 200, {"status": "success", "data": [], "x": 1}) != []
    assert (
        document.problems("/query", "get", 200, {"status": "success", "data": {"resultType": "y", "result": []}}) != []
    )
