"""Label sets as columns: grouping, matching, sorting and changing agree with dictionaries."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import (
    LabelSets,
    QueryBudget,
    concat_rows,
    group_rows,
    join_label,
    join_labels,
    label_column,
    match_rows,
    matrix_json,
    remove_labels,
    set_label,
    sorted_rows,
    stable_hashes,
    take_rows,
)
from reference.promql_matrices import group_key
from support.cells import label_sets

names = st.sampled_from(["__name__", "a", "b", "le", "Z", "ü"])
label_values = st.sampled_from(["", "1", "2", "x", 'é"\\\n', "long" * 80])
label_rows = st.lists(st.dictionaries(names, label_values, max_size=5), max_size=10)
name_lists = st.lists(names, unique=True, max_size=3)


HASHES = ["0xef46db3751d8e999", "0xdd910c6b22c2912c", "0x750bef3a657fe9b0", "0xed36678182e5dae"]


def dicts(rows: LabelSets) -> list[dict[str, str]]:
    return [rows[i] for i in range(len(rows))]


def clean(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{n: v for n, v in row.items() if v} for row in rows]


@given(rows=label_rows, by=name_lists, keep=st.booleans())
def test_groups_are_numbered_in_order_of_appearance(rows: list[dict[str, str]], by: list[str], keep: bool) -> None:
    ids, groups = group_rows(label_sets(rows), by, keep)
    keys = [group_key(row, by, keep=keep) for row in clean(rows)]
    assert [tuple(sorted(g.items())) for g in dicts(groups)] == list(dict.fromkeys(keys))
    assert [list(dict.fromkeys(keys))[i] for i in ids.tolist()] == keys


@settings(max_examples=150)
@given(left=label_rows, right=label_rows, by=name_lists, keep=st.booleans())
def test_rows_match_when_their_keys_are_equal(
    left: list[dict[str, str]], right: list[dict[str, str]], by: list[str], keep: bool
) -> None:
    left_ids, right_ids, count = match_rows(label_sets(left), label_sets(right), by, keep)
    left_keys = [group_key(row, by, keep=keep) for row in clean(left)]
    right_keys = [group_key(row, by, keep=keep) for row in clean(right)]
    for i, a in enumerate(left_keys):
        for j, b in enumerate(right_keys):
            assert bool(left_ids[i] == right_ids[j]) is (a == b)
    assert count == len(set(left_keys) | set(right_keys))


def test_joined_labels_come_from_the_many_side_and_included_ones_from_the_other() -> None:
    many = label_sets([{"__name__": "m", "a": "1", "b": "2", "extra": "gone"}, {"__name__": "m", "a": "9"}])
    one = label_sets([{"__name__": "o", "a": "1", "extra": "new"}, {"__name__": "o", "a": "1"}])
    pairs = np.array([0, 0, 1, -1], dtype=np.int64), np.array([0, 1, -1, 0], dtype=np.int64)
    joined = join_labels(many, pairs[0], one, pairs[1], ["a"], True, None, True, ["extra"])
    assert dicts(joined) == [
        {"a": "1", "b": "2", "extra": "new"},
        {"a": "1", "b": "2"},
        {"a": "9"},
        {"a": "1", "extra": "new"},
    ]
    restricted = join_labels(many, pairs[0][:2], one, pairs[1][:2], ["a"], True, ["a"], False, [])
    assert dicts(restricted) == [{"a": "1"}, {"a": "1"}]
    ignoring = join_labels(
        many, pairs[0][:1], one, pairs[1][:1], ["b", "extra", "__name__"], False, ["b", "extra"], False, []
    )
    assert dicts(ignoring) == [{"__name__": "m", "a": "1"}]


@given(rows=label_rows, other=label_rows)
def test_sorting_taking_and_joining_tables(rows: list[dict[str, str]], other: list[dict[str, str]]) -> None:
    table = concat_rows([label_sets(rows), label_sets(other)])
    everything = clean(rows + other)
    assert dicts(table) == [dict(sorted(row.items(), key=lambda p: p[0].encode())) for row in everything]
    order = sorted_rows(table)
    by_bytes = [[(n.encode(), v.encode()) for n, v in row.items()] for row in dicts(take_rows(table, order))]
    assert by_bytes == sorted(by_bytes)


@given(rows=label_rows, name=names, other=names)
def test_labels_are_set_removed_and_joined(rows: list[dict[str, str]], name: str, other: str) -> None:
    table, plain = label_sets(rows), clean(rows)
    ids, found = label_column(table, name)
    assert [found[i] for i in ids.tolist()] == [row.get(name, "") for row in plain]
    changed = set_label(table, name, ids, [None if v == "x" else v and f"<{v}>" for v in found])
    wanted = [row if row.get(name) == "x" else {**row, name: row.get(name, "") and f"<{row[name]}>"} for row in plain]
    assert dicts(changed) == clean(wanted)
    joined = join_label(table, "new", "-", [name, other], QueryBudget(1_000_000))
    assert [row["new"] for row in dicts(joined)] == [f"{row.get(name, '')}-{row.get(other, '')}" for row in plain]
    flags = np.array([i % 2 for i in range(len(rows))], dtype=np.uint8)
    removed = remove_labels(table, [name], flags)
    assert dicts(removed) == [
        {n: v for n, v in row.items() if not (i % 2 and n == name)} for i, row in enumerate(dicts(table))
    ]


def test_the_hash_of_limit_ratio_is_xxhash_over_sized_strings() -> None:
    """The first is the specification's own value for the empty input, the others are those of its reference program."""
    rows = label_sets([{}, {"a": "1"}, {"a": "x" * 30}, {"a": "y" * 300}])
    assert [hex(h) for h in stable_hashes(rows).tolist()] == HASHES


@given(rows=label_rows)
def test_json_of_a_matrix_reads_back(rows: list[dict[str, str]]) -> None:
    cells = np.arange(len(rows) * 2, dtype=np.float64).reshape(len(rows), 2)
    got = json.loads(matrix_json(label_sets(rows), cells, 1500, 250))
    assert got == [
        {"metric": row, "values": [[1.5, str(2 * i)], [1.75, str(2 * i + 1)]]} for i, row in enumerate(clean(rows))
    ]
