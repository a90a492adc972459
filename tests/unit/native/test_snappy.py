"""Our Snappy blocks against the reference implementation (cramjam holds the Rust one), both ways."""

from __future__ import annotations

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.native import DecodeError, snappy_compress, snappy_decompress

LIMIT = 1 << 20
# Bytes with repetitions near and far, which is what the format is about.
_data = st.lists(
    st.one_of(
        st.binary(max_size=100),
        st.tuples(st.binary(min_size=1, max_size=20), st.integers(1, 5000)).map(lambda t: t[0] * t[1]),
    ),
    max_size=8,
).map(b"".join)


@given(_data)
def test_what_we_compress_the_reference_reads(data: bytes) -> None:
    assert bytes(cramjam.snappy.decompress_raw(snappy_compress(data))) == data


@given(_data)
def test_what_the_reference_compresses_we_read(data: bytes) -> None:
    assert snappy_decompress(bytes(cramjam.snappy.compress_raw(data)), LIMIT) == data


@given(_data.filter(bool), st.data())
def test_a_block_cut_short_is_refused(data: bytes, draw: st.DataObject) -> None:
    block = snappy_compress(data)
    cut = draw.draw(st.integers(0, len(block) - 1))
    with pytest.raises(DecodeError):
        snappy_decompress(block[:cut], LIMIT)


def test_a_block_that_says_it_is_too_large_is_refused_unread() -> None:
    with pytest.raises(DecodeError, match="limit"):
        snappy_decompress(snappy_compress(b"x" * 1000), 999)


@given(st.binary(max_size=200))
def test_any_bytes_give_data_or_an_error(block: bytes) -> None:
    try:
        data = snappy_decompress(block, LIMIT)
    except DecodeError:
        return
    assert bytes(cramjam.snappy.decompress_raw(block)) == data
