"""/query_exemplars."""

from __future__ import annotations

from .conftest import FakeExemplars, Web


async def test_exemplars_come_with_the_labels_of_their_series(web: Web) -> None:
    source = web.context.exemplars = FakeExemplars()
    assert await web.json("query_exemplars", query="up", start="1", end="2.5") == {
        "status": "success",
        "data": [
            {
                "seriesLabels": {"__name__": "up", "job": "a"},
                "exemplars": [
                    {"labels": {"trace": "a"}, "value": "0.25", "timestamp": 1.5},
                    {"labels": {}, "value": "+Inf", "timestamp": 2},
                ],
            }
        ],
    }
    assert source.asked == [([['__name__="up"']], 1000, 2500)]


async def test_a_query_without_selectors_has_no_exemplars(web: Web) -> None:
    source = web.context.exemplars = FakeExemplars()
    assert (await web.json("query_exemplars", query="1"))["data"] == []
    assert source.asked == []
