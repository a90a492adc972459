"""The bit streams of chunks as strings of 0 and 1: numbers in as few bits as they need, floats as differences, start
times. Formats: docs/formats/chunk-histogram.md and chunk-xor2.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass

STALE = 0x7FF0000000000002
VARBIT = [0, 3, 6, 9, 12, 18, 25, 56, 64]
"""Bits behind a prefix of so many ones."""


def bits_of(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def float_of(bits: int) -> float:
    return struct.unpack(">d", bits.to_bytes(8, "big"))[0]


def signed(value: int) -> int:
    """As 64 bits wrap."""
    return (value + 2**63) % 2**64 - 2**63


class Bits:
    """Reads when made with bytes, writes when made without."""

    def __init__(self, data: bytes = b"") -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, n: int) -> int:
        assert self.at + n <= len(self.text), "the bits end early"
        self.at += n
        return int(self.text[self.at - n : self.at], 2) if n else 0

    def put(self, value: int, n: int) -> None:
        self.text += f"{value % 2**n:0{n}b}" if n else ""

    def packed(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 8)
        return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))

    def take_ones(self, most: int) -> int:
        n = 0
        while n < most and self.take(1):
            n += 1
        return n

    def put_ones(self, n: int, most: int) -> None:
        self.text += "1" * n + ("0" if n < most else "")

    # Go's varints, eight bits at a time.

    def take_uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def put_uvarint(self, value: int) -> None:
        value %= 2**64
        while value >= 0x80:
            self.put(value & 0x7F | 0x80, 8)
            value >>= 7
        self.put(value, 8)

    def take_varint(self) -> int:
        u = self.take_uvarint()
        return u >> 1 ^ -(u & 1)

    def put_varint(self, value: int) -> None:
        self.put_uvarint(value << 1 if value >= 0 else (-value << 1) - 1)

    # Varbits.

    def take_varbit_uint(self) -> int:
        return self.take(VARBIT[self.take_ones(8)])

    def put_varbit_uint(self, value: int) -> None:
        ones = next(k for k, n in enumerate(VARBIT) if value < 2**n)
        self.put_ones(ones, 8)
        self.put(value, VARBIT[ones])

    def take_varbit_int(self) -> int:
        n = VARBIT[self.take_ones(8)]
        value = self.take(n)
        if n == 64:
            return signed(value)
        return value - 2**n if n and value > 2 ** (n - 1) else value

    def put_varbit_int(self, value: int) -> None:
        value = signed(value)
        ones = next(
            k
            for k, n in enumerate(VARBIT)
            if n == 64 or (value == 0 if n == 0 else -(2 ** (n - 1)) < value <= 2 ** (n - 1))
        )
        self.put_ones(ones, 8)
        self.put(value, VARBIT[ones])

    def take_float(self) -> float:
        return float_of(self.take(64))

    def put_float(self, value: float) -> None:
        self.put(bits_of(value), 64)


@dataclass
class Xored:
    """A float that is coded as the difference of its bits to those of the one before, without the zeros around."""

    bits: int = 0
    leading: int = -1
    trailing: int = 0

    def take(self, source: Bits) -> None:
        if source.take(1):
            self.take_changed(source, fresh=source.take(1) == 1)

    def take_changed(self, source: Bits, fresh: bool) -> None:
        if fresh:
            self.leading = source.take(5)
            self.trailing = 64 - self.leading - (source.take(6) or 64)
        self.bits ^= source.take(64 - self.leading - self.trailing) << self.trailing

    def put(self, target: Bits, bits: int) -> None:
        if bits == self.bits:
            target.put(0, 1)
        else:
            self.put_changed(target, bits, "10", "11")

    def put_changed(self, target: Bits, bits: int, reuse: str, fresh: str) -> None:
        text = f"{bits ^ self.bits:064b}"
        leading = min(len(text) - len(text.lstrip("0")), 31)
        trailing = len(text) - len(text.rstrip("0"))
        if self.leading >= 0 and leading >= self.leading and trailing >= self.trailing:
            target.text += reuse
        else:
            self.leading, self.trailing = leading, trailing
            target.text += fresh
            target.put(leading, 5)
            target.put(64 - leading - trailing, 6)
        target.put((bits ^ self.bits) >> self.trailing, 64 - self.leading - self.trailing)
        self.bits = bits


@dataclass
class StartTimes:
    """The field for start times behind each sample, and the header byte that says where it is missing."""

    header: int = 0
    start: int = 0
    gap: int = 0

    def take(self, source: Bits, index: int, t: int, before: int) -> int:
        change = self.header & 0x7F
        if index == 0:
            if self.header & 0x80:
                self.start = signed(t - source.take_varint())
        elif change and index >= change:
            value = source.take_varbit_int()
            self.gap = signed(value if index == change else self.gap + value)
            self.start = signed(before - self.gap)
        return self.start

    def put(self, target: Bits, index: int, t: int, before: int, start: int) -> None:
        if index == 0:
            if start:
                self.header = 0x80
                target.put_varint(signed(t - start))
        else:
            gap = signed(before - start)
            if self.header & 0x7F:
                target.put_varbit_int(gap - self.gap)
                self.gap = gap
            elif start != self.start or index == 127:
                self.header |= index
                target.put_varbit_int(gap)
                self.gap = gap
        self.start = start
