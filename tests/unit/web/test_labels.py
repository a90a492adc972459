"""/labels, /label/<name>/values, /series and /federate."""

from __future__ import annotations

import pytest

from narthex.web.labels import unescape
from narthex.web.parameters import MAX_TIME, MIN_TIME

from .conftest import NOW, SERIES, Web


async def test_names_and_values_of_all_time_by_default(web: Web) -> None:
    assert (await web.json("labels"))["data"] == ["__name__", "instance", "job", "zo.ne"]
    assert web.storage.window == (MIN_TIME, MAX_TIME)
    assert (await web.json("label/job/values", start="1", end="2"))["data"] == ["a", "b"]
    assert web.storage.window == (1000, 2000)


async def test_several_selectors_are_united(web: Web) -> None:
    assert (await web.json("labels", **{"match[]": "down"}))["data"] == ["__name__", "job"]
    response = await web.client.get("/api/v1/series?match[]=up&match[]=down&match[]=up")
    assert (await response.json())["data"] == SERIES


async def test_a_limit_cuts_with_a_warning(web: Web) -> None:
    for path, data in (("labels", ["__name__", "instance"]), ("label/job/values", ["a"]), ("series", SERIES[1:2])):
        body = await web.json(path, limit=len(data), **({"match[]": "up"} if path == "series" else {}))
        assert body["data"] == data and body["warnings"] == ["results truncated due to limit"]
    assert "warnings" not in await web.json("label/job/values", limit=2)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
async def test_a_long_list_of_series_comes_in_pieces(web: Web, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narthex.web.labels.PIECE", 10)
    url, headers = "/api/v1/series?match[]=up&match[]=down", {"Accept-Encoding": encoding}
    response = await web.client.get(url, headers=headers)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.headers.get("Content-Encoding", "identity") == encoding
    assert await response.json() == {"status": "success", "data": SERIES}
    response = await web.client.get(f"{url}&limit=2", headers=headers)
    assert await response.json() == {
        "status": "success",
        "data": SERIES[:2],
        "warnings": ["results truncated due to limit"],
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("series", "no match[] parameter provided"),
        (
            "series?match[]=up{",
            'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces',
        ),
        ("series?match[]={}", 'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
        ("labels?limit=x", 'invalid parameter "limit": "x" is not a number'),
    ],
)
async def test_bad_selectors_are_refused(web: Web, path: str, message: str) -> None:
    response = await web.client.get(f"/api/v1/{path}")
    assert response.status == 400
    assert (await response.json())["error"] == message


async def test_escaped_label_names_are_read(web: Web) -> None:
    assert (await web.json("label/U__zo_2e_ne/values"))["data"] == ['q"']
    assert (await web.json("label/zo.ne/values"))["data"] == ['q"']


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a_b", "a_b"), ("U__a__b", "a_b"), ("U__a_2e_b", "a.b"), ("U__a_2e", "U__a_2e"), ("U__x_d800_", "U__x_d800_"),
     ("U___1F600_", "\U0001f600"), ("U__a_zz_", "U__a_zz_")],
)  # fmt: skip
def test_unescaping_leaves_malformed_names_alone(name: str, plain: str) -> None:
    assert unescape(name) == plain


async def test_federation_writes_newest_samples_with_external_labels(web: Web) -> None:
    at = int(NOW * 1000) - 1000
    response = await web.client.get("/federate?match[]=up&match[]=down&match[]=up")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await response.text() == (
        "# TYPE down untyped\n"
        f'down{{instance="",job="b",site="s1"}} 1.5 {at}\n'
        "# TYPE up untyped\n"
        f'up{{instance="i1",job="a",site="s1"}} 1.5 {at}\n'
        f'up{{instance="i2",job="b",site="s1","zo.ne"="q\\""}} 1.5 {at}\n'
    )
    assert web.storage.window == (int(NOW * 1000) - 300_000, int(NOW * 1000))
    assert await (await web.client.get("/federate")).text() == ""
    assert (await web.client.get("/federate?match[]=up{")).status == 400
