from __future__ import annotations

from pathlib import Path

import pytest

from narthex.files import durable
from narthex.files.durable import directory_size, map_file, new_directory, remove_directory, write_durable


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_durable(path, b"old")
    write_durable(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_durable(path, b"old")

    def full_disk(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_durable(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_directory_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "d"
    (tmp_path / "d.tmp").mkdir()
    (tmp_path / "d.tmp" / "left by a crash").touch()
    with new_directory(path, ".tmp") as temporary:
        (temporary / "f").touch()
        assert temporary == tmp_path / "d.tmp" and not path.exists()
    assert [p.name for p in path.iterdir()] == ["f"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_could_not_be_filled_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_directory(tmp_path / "d", ".tmp") as temporary:
        (temporary / "f").touch()
        raise KeyError
    with new_directory(tmp_path / "d", ".tmp") as temporary:
        temporary.rmdir()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_takes_the_place_of_an_old_one_only_if_wanted(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(OSError, match="not empty"), new_directory(path, ".tmp"):
        pass
    assert [p.name for p in path.iterdir()] == ["old"]
    with new_directory(path, ".tmp", replace=True) as temporary:
        (temporary / "new").touch()
    assert [p.name for p in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_removed_directory_is_gone_with_what_a_crash_left_of_an_earlier_removal(tmp_path: Path) -> None:
    path = tmp_path / "d"
    for folder in (path, tmp_path / "d.tmp-for-deletion"):
        folder.mkdir()
        (folder / "f").write_bytes(b"123")
    assert directory_size(tmp_path) == 6
    remove_directory(path)
    assert list(tmp_path.iterdir()) == []


def test_a_mapped_file_outlives_its_name_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    mapped = map_file(path)
    path.unlink()
    assert bytes(mapped) == b"abc"
    path.touch()
    assert map_file(path) == b""
