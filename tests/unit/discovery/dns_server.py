"""A DNS server on loopback that answers from a table, over UDP."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "AAAA": 28, "SRV": 33}
NXDOMAIN, SERVFAIL = 3, 2

Answer = list[tuple[str, str]] | int
"""Records as (type, text), or an error code."""


def _name(text: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in text.rstrip(".").split(".") if p) + b"\0"


def _data(kind: str, text: str) -> bytes:
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(text).packed
    *numbers, name = text.split()
    return b"".join(struct.pack(">H", int(n)) for n in numbers) + _name(name)


class DnsTable(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        question = data[12 : at + 5]
        name = ".".join(labels)
        self.asked.append(name)
        answer = self.answers.get(name, NXDOMAIN)
        code, records = (answer, []) if isinstance(answer, int) else (0, answer)
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        body = b""
        for kind, text in records:
            packed = _data(kind, text)
            body += b"\xc0\x0c" + struct.pack(">HHIH", TYPES[kind], 1, 60, len(packed)) + packed
        self.transport.sendto(head + question + body, address)


@asynccontextmanager
async def dns_server() -> AsyncIterator[tuple[DnsTable, int]]:
    loop = asyncio.get_running_loop()
    transport, table = await loop.create_datagram_endpoint(DnsTable, local_addr=("127.0.0.1", 0))
    try:
        yield table, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
