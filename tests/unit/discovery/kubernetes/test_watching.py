"""Following a cluster through everything that can happen to a list, a watch and their connections."""

import pytest

from narthex.discovery.kubernetes import reflector
from support.kubernetes_api import FakeKubernetes, status
from support.kubernetes_discovery import Discovery, section
from support.kubernetes_objects import container, pod


def one(name: str, ip: str, **more: object):
    return pod(name, container("main", ("http", 80)), ip=ip, **more)


@pytest.fixture
async def api():
    async with FakeKubernetes() as fake:
        yield fake


async def test_objects_that_come_change_and_go_are_seen_without_a_second_list(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until_addresses("10.0.0.1:80")
        api.put("pods", one("b", "10.0.0.2"))
        await found.until_addresses("10.0.0.1:80", "10.0.0.2:80")
        api.put("pods", one("a", "10.0.0.9"))
        await found.until_addresses("10.0.0.9:80", "10.0.0.2:80")
        api.delete("pods", "b", "default")
        await found.until_addresses("10.0.0.9:80")
        assert api.asked("limit") == 1
        assert [found.events("pod", event) for event in ("add", "update", "delete")] == [2, 1, 1]
        assert found.metrics.failures.value == 0
        assert found.metrics.queue_items.labels("pod").read() == 4
        assert found.metrics.queue_depth.labels("pod").read() == 0


async def test_an_object_that_changes_in_nothing_that_labels_show_is_not_made_again(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until_addresses("10.0.0.1:80")
        beaten = one("a", "10.0.0.1")
        beaten["status"]["conditions"][1]["lastProbeTime"] = "2026-01-01T00:00:00Z"
        api.put("pods", beaten)
        await found.until(lambda: found.events("pod", "update") == 1)
        assert found.published == [["pod/default/a"]]


async def test_a_list_comes_in_pages(api):
    for i in range(1203):
        api.put("pods", one(f"p{i}", f"10.0.{i // 250}.{i % 250}"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: len(found.groups) == 1203)
        assert api.asked("continue=") == 2


async def test_a_list_whose_pages_expire_is_asked_for_in_one_answer(api):
    for i in range(600):
        api.put("pods", one(f"p{i}", f"10.0.{i // 250}.{i % 250}"))
    api.expire_pages = 1
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: len(found.groups) == 600)
        assert found.metrics.failures.value == 0


async def test_a_watch_whose_time_is_up_goes_on_from_the_last_version(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.put("pods", one("b", "10.0.0.2"))
        await found.until(lambda: len(found.groups) == 2)
        api.end_watches()
        await found.until(lambda: api.asked("watch=true") == 2)
        api.put("pods", one("c", "10.0.0.3"))
        await found.until(lambda: len(found.groups) == 3)
        assert api.asked("limit") == 1
        assert found.metrics.failures.value == 0


async def test_bookmarks_keep_a_quiet_watch_from_growing_too_old(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.compact()  # others' changes have moved the version on
        api.bookmark()
        await found.clock.advance(60)
        api.end_watches()
        await found.until(lambda: api.asked(f"resourceVersion={api.version}"))
        assert api.asked("limit") == 1


@pytest.mark.parametrize("in_frame", [True, False])
async def test_a_version_that_is_too_old_leads_to_a_new_list_and_is_no_failure(api, in_frame):
    api.expire_in_frame = in_frame
    api.put("pods", one("a", "10.0.0.1"))
    api.put("pods", one("b", "10.0.0.2"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        await api.stop()
        api.delete("pods", "a", "default")
        api.put("pods", one("c", "10.0.0.3"))
        api.compact()
        await api.start()
        await found.until_addresses("10.0.0.2:80", "10.0.0.3:80")
        assert api.asked("limit") == 2
        assert found.published[-1] == ["pod/default/a", "pod/default/c"]  # b was not touched


async def test_targets_stay_while_the_server_is_away_and_follow_when_it_is_back(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        await api.stop()
        await found.until(lambda: found.metrics.failures.value >= 5)
        assert found.addresses == ["10.0.0.1:80"]
        api.put("pods", one("b", "10.0.0.2"))
        await api.start()
        assert await found.until(lambda: len(found.groups) == 2) <= 2  # the longest pause is 1 s and half
        assert api.asked("limit") == 1  # the watch was resumed: nobody listed


async def test_pauses_between_requests_that_are_refused_grow_to_half_a_minute(api):
    api.answers.extend(status(503, "starting") for _ in range(1000))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: found.metrics.failures.value >= 1)
        await found.clock.advance(1)
        early = found.metrics.failures.value
        for _ in range(300):
            await found.until(lambda: True)
            await found.clock.advance(1)
        assert early <= 6
        assert 10 <= found.metrics.failures.value <= 30


async def test_an_outage_is_told_once_and_its_end_too(api, caplog):
    caplog.set_level("INFO")
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        await api.stop()
        await found.until(lambda: found.metrics.failures.value >= 20)
        await api.start()
        await found.until(lambda: api.watches)
        api.put("pods", one("b", "10.0.0.2"))
        await found.until(lambda: len(found.groups) == 2)
        api.end_watches()
        await found.until(lambda: "works again" in caplog.text)
    assert caplog.text.count("connection refused") == 1
    assert len(caplog.records) <= 4  # the end of the watch is one more


async def test_a_quiet_watch_that_breaks_now_and_then_is_made_again_soon_each_time(api):
    async with Discovery(section("pod", api.url)) as found:
        for i in range(8):
            await found.until(lambda n=i: api.asked("watch=true") == n + 1 and api.watches)
            await found.clock.advance(60)
            api.disconnect()
            assert await found.until(lambda n=i: api.asked("watch=true") == n + 2) < 1


async def test_a_version_that_is_too_old_is_followed_by_a_list_at_once_but_not_again_and_again(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.refuse_watches = True
        api.disconnect()
        assert await found.until(lambda: api.asked("limit") == 2) < 1
        assert await found.until(lambda: api.asked("limit") == 8) > 5
        api.refuse_watches = False
        await found.until(lambda: api.watches)
        assert found.metrics.failures.value == 1  # the broken connection


async def test_a_connection_that_breaks_is_made_again_from_the_last_version(api):
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.put("pods", one("a", "10.0.0.1"))
        await found.until_addresses("10.0.0.1:80")
        for i in range(5):
            api.disconnect()
            await found.until(lambda n=i: api.asked("watch=true") == n + 2)
            api.put("pods", one(f"b{i}", f"10.0.1.{i}"))
            assert await found.until(lambda n=i: len(found.groups) == n + 2) < 3
        assert api.asked("limit") == 1


async def test_a_half_open_connection_is_given_up_when_bookmarks_stay_away(api):
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.bookmark()
        await found.until(lambda: found.provider._reflectors[0]._bookmarks)
        api.silent = True
        api.put("pods", one("a", "10.0.0.1"))
        held = set(api.watches)
        await found.until(lambda: not held & api.watches)
        api.silent = False
        await found.until_addresses("10.0.0.1:80")


async def test_a_watch_that_brings_nothing_and_does_not_end_in_its_time_is_made_anew(api, monkeypatch):
    monkeypatch.setattr(reflector, "WATCH_SECONDS", (1.0, 1.0))  # of the sockets, which know no clock
    monkeypatch.setattr(reflector, "GRACE_SECONDS", 0.1)
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        assert api.asked("timeoutSeconds=1") == 1
        held = set(api.watches)  # without a bookmark, so that silence alone says nothing
        await found.until(lambda: not held & api.watches and api.watches)
        api.put("pods", one("a", "10.0.0.1"))
        await found.until_addresses("10.0.0.1:80")
        assert api.asked("limit") == 1


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[1]\n",
        b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n',
        b'{"type":"NEWS","object":{"metadata":{"name":"x","resourceVersion":"5"}}}\n',
        b'{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}\n',
        b'{"type":"ERROR","object":3}\n',
    ],
)
async def test_frames_that_make_no_sense_end_the_watch_and_it_goes_on_after_them(api, line):
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.say(line)
        await found.until(lambda: found.metrics.failures.value == 1)
        api.put("pods", one("a", "10.0.0.1"))
        await found.until_addresses("10.0.0.1:80")


async def test_objects_of_a_wrong_shape_harm_no_others(api):
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        odd = {"spec": {"containers": [3, {"ports": [{"containerPort": "x"}, None]}]}, "status": {"podIP": "10.0.0.7"}}
        api.put("pods", {"metadata": {"name": "odd", "namespace": "n", "labels": [], "annotations": {"a": 3}}, **odd})
        api.put("pods", {"metadata": {"name": "odder"}, "spec": 3, "status": []})
        api.put("pods", one("a", "10.0.0.1"))
        await found.until_addresses("10.0.0.1:80", "10.0.0.7")
        assert found.metrics.failures.value == 0


async def test_a_watch_that_the_server_refuses_again_and_again_is_given_up_for_a_list(api):
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until(lambda: api.watches)
        api.answers.extend(status(500, "etcd is away") for _ in range(5))
        api.disconnect()
        await found.until(lambda: api.asked("limit") == 2)
        await found.until(lambda: api.watches)
        assert found.addresses == ["10.0.0.1:80"]


async def test_a_busy_server_is_left_alone_for_as_long_as_it_says(api):
    api.put("pods", one("a", "10.0.0.1"))
    api.answers.append(status(429, "too many", headers={"Retry-After": "20"}))
    async with Discovery(section("pod", api.url)) as found:
        assert await found.until_addresses("10.0.0.1:80") >= 20


async def test_requests_that_are_refused_are_counted_by_status_and_tried_again(api):
    api.put("pods", one("a", "10.0.0.1"))
    api.answers.extend([status(403, "pods is forbidden"), status(401, "who are you")])
    async with Discovery(section("pod", api.url)) as found:
        await found.until_addresses("10.0.0.1:80")
        await found.until(lambda: api.watches)
        counted = {code: found.metrics.requests.labels(code).read() for code in ("200", "401", "403")}
        assert counted == {"200": 2, "401": 1, "403": 1}
        assert found.metrics.failures.value == 2


async def test_a_list_that_is_not_one_is_a_failure(api):
    api.answers.extend([status(200, "not a list")])
    api.put("pods", one("a", "10.0.0.1"))
    async with Discovery(section("pod", api.url)) as found:
        await found.until_addresses("10.0.0.1:80")
        assert found.metrics.failures.value == 1
