from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiodns
import pytest

from narthex.config.sd.plain import DnsSDConfig
from narthex.discovery.dns import DnsProvider, candidates, search_list
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.instrument.registry import Registry
from support.clock import FakeClock
from unit.discovery.dns_server import SERVFAIL, DnsTable, dns_server


@asynccontextmanager
async def discovery(
    tmp_path: Path, *names: str, type: str = "SRV", port: int = 0, conf: str = ""
) -> AsyncIterator[tuple[DnsProvider, DnsTable]]:
    (tmp_path / "resolv.conf").write_text(conf)
    async with dns_server() as (table, udp_port):

        def resolver() -> aiodns.DNSResolver:
            return aiodns.DNSResolver(nameservers=[f"127.0.0.1:{udp_port}"], timeout=1, tries=1)

        yield (
            DnsProvider(
                DnsSDConfig(names=list(names), type=type, port=port),
                "job",
                DiscoveryMetrics(Registry()),
                FakeClock(),
                make_resolver=resolver,
                resolv_conf=tmp_path / "resolv.conf",
            ),
            table,
        )


async def found(provider: DnsProvider) -> dict[str, list[dict[str, str]]]:
    return {group.source: [dict(t) for t in group.targets] for group in await provider.refresh()}


async def test_srv_records_give_host_and_port(tmp_path: Path) -> None:
    async with discovery(tmp_path, "_web._tcp.example.com") as (provider, table):
        table.answers["_web._tcp.example.com"] = [
            ("SRV", "1 2 9100 a.example.com."),
            ("SRV", "1 2 9101 b.example.com."),
        ]
        assert await found(provider) == {
            "_web._tcp.example.com": [
                {
                    "__address__": f"{host}.example.com:{port}",
                    "__meta_dns_name": "_web._tcp.example.com",
                    "__meta_dns_srv_record_port": str(port),
                    "__meta_dns_srv_record_target": f"{host}.example.com.",
                }
                for host, port in (("a", 9100), ("b", 9101))
            ]
        }


@pytest.mark.parametrize(
    ("kind", "records", "address", "meta"),
    [
        ("A", [("CNAME", "c.example.com"), ("A", "10.0.0.1")], "10.0.0.1:80", {}),
        ("AAAA", [("AAAA", "fd00::1")], "[fd00::1]:80", {}),
        ("MX", [("MX", "5 mail.example.com.")], "mail.example.com:80", {"mx_record_target": "mail.example.com."}),
        ("NS", [("NS", "ns1.example.com.")], "ns1.example.com:80", {"ns_record_target": "ns1.example.com."}),
    ],
)
async def test_other_records_take_the_configured_port(
    kind: str, records: list[tuple[str, str]], address: str, meta: dict[str, str], tmp_path: Path
) -> None:
    async with discovery(tmp_path, "example.com", type=kind, port=80) as (provider, table):
        table.answers["example.com"] = records
        (target,) = (await found(provider))["example.com"]
        extra = {f"__meta_dns_{name}": value for name, value in meta.items()}
        assert target == {"__address__": address, "__meta_dns_name": "example.com", **extra}


async def test_a_name_that_fails_keeps_its_targets_until_it_recovers_and_one_that_is_gone_loses_them(
    tmp_path: Path,
) -> None:
    async with discovery(tmp_path, "a.example", "b.example", type="A", port=1) as (provider, table):
        table.answers = {"a.example": [("A", "10.0.0.1")], "b.example": [("A", "10.0.0.2")]}
        await provider.refresh()
        table.answers = {"a.example": SERVFAIL}
        assert {source: len(targets) for source, targets in (await found(provider)).items()} == {
            "a.example": 1,
            "b.example": 0,
        }
        table.answers = {"a.example": [("A", "10.0.0.3"), ("A", "10.0.0.4")], "b.example": [("A", "10.0.0.5")]}
        assert {source: len(targets) for source, targets in (await found(provider)).items()} == {
            "a.example": 2,
            "b.example": 1,
        }


async def test_the_search_list_is_tried_in_order_until_a_name_exists(tmp_path: Path) -> None:
    conf = "search one.example two.example\noptions ndots:2\n"
    async with discovery(tmp_path, "web.svc", type="A", port=1, conf=conf) as (provider, table):
        table.answers["web.svc.two.example"] = [("A", "10.0.0.1")]
        assert len((await found(provider))["web.svc"]) == 1
        assert table.asked == ["web.svc.one.example", "web.svc.two.example"]


async def test_a_failing_search_domain_leaves_open_whether_the_name_exists(tmp_path: Path) -> None:
    async with discovery(tmp_path, "web", type="A", port=1, conf="search one.example\n") as (provider, table):
        table.answers["web.one.example"] = [("A", "10.0.0.1")]
        await provider.refresh()
        table.answers["web.one.example"] = SERVFAIL
        assert len((await found(provider))["web"]) == 1


@pytest.mark.parametrize(
    ("name", "ndots", "expected"),
    [
        ("a.b.", 1, ["a.b."]),
        ("a.b", 1, ["a.b.", "a.b.x.y."]),
        ("a.b", 2, ["a.b.x.y.", "a.b."]),
        ("a", 1, ["a.x.y.", "a."]),
    ],
)
def test_candidates(name: str, ndots: int, expected: list[str]) -> None:
    assert candidates(name, ["x.y"], ndots) == expected


def test_a_missing_or_odd_resolv_conf_gives_defaults(tmp_path: Path) -> None:
    assert search_list(tmp_path / "none") == ([], 1)
    (tmp_path / "r").write_bytes(b"search\noptions ndots:x ndots:99\n\xff\nnameserver 1.2.3.4 # x\ndomain d.example\n")
    assert search_list(tmp_path / "r") == (["d.example"], 15)
