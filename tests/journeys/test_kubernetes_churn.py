"""5,000 pods that come, change and go by the hundred beside a real server: its targets follow, its memory stays.

Run with -s to see the figures.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

from support.api_server import ApiServer
from support.kubernetes_api import FakeKubernetes
from support.kubernetes_objects import Object, container, pod

PODS = 5_000
CHANGED = 250  # pods that are replaced, and as many that change, in a round
MISHAPS = ("broken watches", "lost versions", "outage", "bookmark", "")  # a round for each, over and over
ROUNDS = 10
WARM_UP = 5  # rounds, with each mishap once
MOST_SECONDS = 5.0
MOST_GROWTH = 1.05
STEADY_SECONDS, STEADY_RATE = 4, 200  # changes a second, one after the other
OUTAGE_SECONDS = 1.0
PAGES = PODS // 500  # of a list

CONFIG = """
scrape_configs:
  - job_name: pods
    scrape_interval: 1h
    kubernetes_sd_configs:
      - {{role: pod, api_server: "{url}"}}
    relabel_configs:
      - {{source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}}
      - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}
      - {{source_labels: [__meta_kubernetes_pod_label_revision], target_label: revision}}
"""


class Pods:
    """The truth: what the API server holds, as target URLs with name and revision."""

    def __init__(self, api: FakeKubernetes, rng: random.Random) -> None:
        self._api, self._rng = api, rng
        self._made = 0
        self.now: dict[str, tuple[str, str]] = {}  # address and revision by name

    def add(self) -> None:
        self._made += 1
        self._put(
            f"vllm-{self._made}", f"127.{1 + self._made // 62_500}.{self._made // 250 % 250}.{self._made % 250}", "1"
        )

    def remove(self) -> None:
        name = self._any()
        del self.now[name]
        self._api.delete("pods", name, "llm")

    def change(self) -> None:
        name = self._any()
        address, revision = self.now[name]
        self._put(name, address, str(int(revision) + 1))

    def touch(self) -> None:
        """A change that no label shows."""
        name = self._any()
        self._put(name, *self.now[name])

    def targets(self) -> set[tuple[str, str, str]]:
        return {(f"http://{address}:1/metrics", name, revision) for name, (address, revision) in self.now.items()}

    def _any(self) -> str:
        return self._rng.choice(list(self.now))

    def _put(self, name: str, address: str, revision: str) -> None:
        self.now[name] = (address, revision)
        labels = {
            "app.kubernetes.io/name": "vllm",
            "model": "llama",
            "pod-template-hash": "5d4f8c7",
            "revision": revision,
        }
        engine = container("engine", ("http", 8000), ("metrics", 1))
        item = pod(name, engine, container("proxy"), namespace="llm", ip=address, labels=labels, annotations=NOTES)
        item["metadata"]["managedFields"] = MANAGED
        item["status"]["touched"] = self._rng.random()
        self._api.put("pods", item)


NOTES: Object = {"prometheus.io/scrape": "true", "prometheus.io/port": "1"}
MANAGED: list[Object] = [
    {"manager": "kubelet", "fieldsV1": {f"f:field-{i}": {} for i in range(100)}}
]  # of a usual size


def resident_bytes(server: ApiServer) -> int:
    fields = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


def cpu_seconds(server: ApiServer) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def targets(server: ApiServer) -> set[tuple[str, str, str]]:
    answer = await asyncio.to_thread(server.api, "targets", state="active", scrapePool="pods")
    return {(t["scrapeUrl"], t["labels"]["pod"], t["labels"]["revision"]) for t in answer["activeTargets"]}


async def syncs(server: ApiServer) -> float:
    """How often the targets have been renewed."""
    return await asyncio.to_thread(server.metric, 'prometheus_target_scrape_pool_sync_total{scrape_job="pods"}')


async def seconds_until_right(server: ApiServer, pods: Pods) -> float:
    """Looks at all targets once they were renewed: asking for them costs more than renewing them."""
    start, seen = time.monotonic(), -1.0
    while True:
        asked, now = time.monotonic(), await syncs(server)
        if now != seen:
            seen, found, wanted = now, await targets(server), pods.targets()
            if found == wanted:
                return asked - start
        assert time.monotonic() - start < 60, f"{len(found - wanted)} wrong and {len(wanted - found)} missing"
        await asyncio.sleep(0.2)


async def churn(api: FakeKubernetes, pods: Pods, mishap: str) -> None:
    """One round: changes, and what befalls the API server among or after them."""
    lists = api.asked("limit=")
    for i in range(CHANGED):
        pods.remove()
        pods.add()
        pods.change()
        pods.touch()
        pods.touch()
        if mishap == "broken watches" and i % 100 == 0:
            api.disconnect()
        if i % 20 == 0:
            await asyncio.sleep(0.005)
    if mishap in ("lost versions", "outage"):
        await api.stop()
        if mishap == "lost versions":
            api.compact()
        await asyncio.sleep(OUTAGE_SECONDS)
        await api.start()
    elif mishap == "bookmark":  # what was said so far reaches the watch before its version is lost
        api.compact()
        api.bookmark()
        await asyncio.sleep(0.5)
        api.end_watches()
        await asyncio.sleep(0.5)
        pods.change()
        assert api.asked("limit=") == lists, "the bookmark's version is good"


async def test_targets_follow_thousands_of_pods_within_seconds_and_memory_stays(
    start: Callable[..., ApiServer], tmp_path: Path
) -> None:
    async with FakeKubernetes() as api:
        pods = Pods(api, random.Random(7))
        for _ in range(PODS):
            pods.add()
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(url=api.url))
        server = start()
        await asyncio.to_thread(server.wait_ready)
        print(f"\nfirst {PODS} targets right after {await seconds_until_right(server, pods):.1f} s")
        took, memory, used = list[float](), list[int](), cpu_seconds(server)

        async def settle(what: str) -> None:
            took.append(await seconds_until_right(server, pods))
            memory.append(resident_bytes(server))
            print(f"{what or 'changes'}: right after {took[-1]:.1f} s, {memory[-1] / 2**20:.0f} MiB")

        for number in range(ROUNDS):
            mishap = MISHAPS[number % len(MISHAPS)]
            await churn(api, pods, mishap)
            await settle(mishap)
        for _ in range(STEADY_SECONDS * 20):
            for _ in range(STEADY_RATE // 40):
                pods.remove()
                pods.add()
            await asyncio.sleep(0.05)
        await settle("changes without a pause")
        print(f"slowest {max(took):.1f} s, {cpu_seconds(server) - used:.1f} s of CPU")
        assert api.asked("limit=") == PAGES * (1 + ROUNDS // len(MISHAPS)), "a list at first and for lost versions"
    assert max(took) <= MOST_SECONDS
    assert max(memory[WARM_UP:]) <= MOST_GROWTH * memory[WARM_UP - 1]
