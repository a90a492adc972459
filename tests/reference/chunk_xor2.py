"""XOR2 chunks (encoding 4), see docs/formats/chunk-xor2.md."""

from __future__ import annotations

from collections.abc import Iterable

from reference.chunk_bits import STALE, Bits, StartTimes, Xored, bits_of, float_of, signed

Sample = tuple[int, int, float]
"""(time, start time, value); milliseconds, start 0 when unknown"""

WIDTH = {2: 13, 3: 20, 4: 64}
"""Bits of the difference of differences, by number of ones in the prefix."""


def read_xor2(data: bytes) -> list[Sample]:
    source = Bits(data[3:])
    starts = StartTimes(data[2])
    value = Xored(leading=0)  # of the last sample that was no stale marker
    out: list[Sample] = []
    t = delta = 0
    for k in range(int.from_bytes(data[:2], "big")):
        before = t
        if k == 0:
            t, bits = source.take_varint(), source.take(64)
            if bits != STALE:
                value.bits = bits
        else:
            ones = 1
            if k == 1:
                delta = source.take_uvarint()
                bits = _take_value(source, value)
            else:
                ones = source.take_ones(5)
                if ones == 1:
                    value.take_changed(source, fresh=source.take(1) == 1)
                if ones in WIDTH:
                    n = WIDTH[ones]
                    dod = source.take(n)
                    delta += dod - 2**n if dod >= 2 ** (n - 1) else dod
                    bits = _take_value(source, value)
                else:
                    bits = STALE if ones == 5 else value.bits
            t = signed(t + delta)
        out.append((t, starts.take(source, k, t, before), float_of(bits)))
    return out


def _take_value(source: Bits, value: Xored) -> int:
    ones = source.take_ones(3)
    if ones in (1, 2):
        value.take_changed(source, fresh=ones == 2)
    return STALE if ones == 3 else value.bits


def write_xor2(samples: Iterable[Sample]) -> bytes:
    target = Bits()
    starts = StartTimes()
    value = Xored()
    t = delta = count = 0
    for k, (now, start, v) in enumerate(samples):
        bits = bits_of(v)
        before, last_delta = t, delta
        t, delta = now, signed(now - before)
        dod = signed(delta - last_delta)
        if k == 0:
            target.put_varint(t)
            target.put(bits, 64)
            if bits != STALE:
                value.bits = bits
            delta = 0
        elif k == 1:
            target.put_uvarint(delta)
            _put_value(target, value, bits)
        elif dod:
            ones = next(ones for ones, n in WIDTH.items() if -(2 ** (n - 1)) <= dod < 2 ** (n - 1))
            target.put_ones(ones, 5)
            target.put(dod, WIDTH[ones])
            _put_value(target, value, bits)
        elif bits == STALE:
            target.put_ones(5, 5)
        elif bits == value.bits:
            target.put(0, 1)
        else:
            target.text += "10"
            value.put_changed(target, bits, "0", "1")
        starts.put(target, k, t, before, start)
        count += 1
    return count.to_bytes(2, "big") + bytes([starts.header]) + target.packed()


def _put_value(target: Bits, value: Xored, bits: int) -> None:
    if bits == STALE:
        target.text += "111"
    elif bits == value.bits:
        target.put(0, 1)
    else:
        value.put_changed(target, bits, "10", "110")
