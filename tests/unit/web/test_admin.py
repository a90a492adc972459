"""/admin/tsdb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from narthex.errors import StorageError
from narthex.model.matcher import Matcher
from narthex.web.parameters import MAX_TIME, MIN_TIME

from .conftest import Web


class FakeAdmin:
    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.error: StorageError | None = None

    def _note(self, *what: object) -> None:
        if self.error:
            raise self.error
        self.asked.append(what)

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> None:
        self._note([m.value for m in matchers], start, end)

    def clean_tombstones(self) -> None:
        self._note("clean")

    def snapshot(self, with_head: bool) -> str:
        self._note("snapshot", with_head)
        return "20231114T221320Z-00c0ffee00c0ffee"


def enable(web: Web) -> FakeAdmin:
    web.context.settings = replace(web.context.settings, admin=True)
    web.context.storage_admin = admin = FakeAdmin()
    return admin


async def test_everything_is_refused_unless_it_is_enabled(web: Web) -> None:
    web.context.storage_admin = admin = FakeAdmin()
    for name in ("delete_series", "clean_tombstones", "snapshot"):
        for method in ("POST", "PUT"):
            async with web.client.request(method, f"/api/v1/admin/tsdb/{name}") as answer:
                body = await answer.json()
                assert answer.status == 500
                assert body == {"status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}
    assert admin.asked == []


async def test_each_selector_is_deleted_in_the_wanted_time(web: Web) -> None:
    admin = enable(web)
    path = "/api/v1/admin/tsdb/delete_series"
    async with web.client.post(path, data={"match[]": "up", "start": "1", "end": "2.5"}) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with web.client.put(path + "?match[]=up&match[]=down") as answer:
        assert answer.status == 204
    assert admin.asked == [
        (["up"], 1000, 2500),
        (["up"], MIN_TIME, MAX_TIME),
        (["down"], MIN_TIME, MAX_TIME),
    ]


async def test_bad_parameters_are_named(web: Web) -> None:
    enable(web)
    for query, message in (
        ("delete_series", "no match[] parameter provided"),
        ("delete_series?match[]=up&start=x", 'invalid parameter "start"'),
        ("delete_series?match[]=up{", 'invalid parameter "match[]"'),
        (
            "snapshot?skip_head=maybe",
            'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "maybe": invalid '
            "syntax",
        ),
    ):
        async with web.client.post(f"/api/v1/admin/tsdb/{query}") as answer:
            body = await answer.json()
            assert (answer.status, body["errorType"]) == (400, "bad_data")
            assert message in body["error"]


async def test_cleaning_says_nothing_and_a_snapshot_its_name(web: Web) -> None:
    admin = enable(web)
    async with web.client.post("/api/v1/admin/tsdb/clean_tombstones") as answer:
        assert answer.status == 204
    for query, with_head in (("", True), ("?skip_head=true", False), ("?skip_head=0", True)):
        async with web.client.post(f"/api/v1/admin/tsdb/snapshot{query}") as answer:
            assert (await answer.json())["data"] == {"name": "20231114T221320Z-00c0ffee00c0ffee"}
        assert admin.asked[-1] == ("snapshot", with_head)


async def test_a_full_disk_is_an_internal_error_with_the_reason(web: Web) -> None:
    enable(web).error = StorageError("/data/snapshots/x: No space left on device")
    async with web.client.post("/api/v1/admin/tsdb/snapshot") as answer:
        body = await answer.json()
        assert (answer.status, body["errorType"]) == (500, "internal")
        assert body["error"] == "create snapshot: /data/snapshots/x: No space left on device"
