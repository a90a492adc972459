"""Samples of rules into storage."""

from __future__ import annotations

import math

import pytest

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.number import is_stale
from narthex.rules.appending import append_output, append_stale
from support.memory_storage import MemoryStorage

A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def test_vanished_series_get_one_stale_marker() -> None:
    storage = MemoryStorage()
    known, _ = append_output(storage, {A: 1.0, B: 2.0}, {}, 1000)
    known, _ = append_output(storage, {A: 3.0}, known, 2000)
    known, _ = append_output(storage, {A: math.nan}, known, 3000)
    assert [t for t, _ in storage.data[A]] == [1000, 2000, 3000]
    assert not is_stale(storage.data[A][-1][1])
    assert [t for t, _ in storage.data[B]] == [1000, 2000]
    assert is_stale(storage.data[B][-1][1])
    assert storage.commits == 3


def test_refused_samples_are_counted_and_stay_known() -> None:
    storage = MemoryStorage()
    append_output(storage, {A: 1.0, B: 1.0}, {}, 2000)
    known, refused = append_output(storage, {A: 1.0, B: 5.0}, {}, 1000)
    assert (refused.out_of_order, refused.total) == (2, 2)
    assert set(known) == {A, B}
    _, refused = append_output(storage, {A: 1.0, B: 5.0}, {}, 2000)
    assert refused.duplicate == refused.total == 1


def test_dropped_references_are_asked_for_again() -> None:
    storage = MemoryStorage()
    known, _ = append_output(storage, {A: 1.0}, {}, 1000)
    storage.forget()
    again, refused = append_output(storage, {A: 2.0}, known, 2000)
    assert refused.total == 0
    assert again != known
    assert storage.data[A] == [(1000, 1.0), (2000, 2.0)]


def test_a_failed_commit_leaves_nothing() -> None:
    storage = MemoryStorage()
    storage.fail = True
    with pytest.raises(StorageError):
        append_output(storage, {A: 1.0}, {}, 1000)
    assert storage.data == {}


def test_stale_markers_alone() -> None:
    storage = MemoryStorage()
    append_output(storage, {A: 1.0}, {}, 1000)
    append_stale(storage, {A}, 2000)
    assert is_stale(storage.data[A][-1][1])
