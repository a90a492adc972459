from __future__ import annotations

from pathlib import Path

from narthex.remote.write_position import Place, PositionFile


def test_a_position_is_there_after_a_restart(tmp_path: Path) -> None:
    first = PositionFile(tmp_path, "name a")
    assert first.load() is None
    first.store(Place(3, 123_456))
    first.store(Place(4, 5))
    first.close()
    assert PositionFile(tmp_path, "name a").load() == Place(4, 5)
    assert PositionFile(tmp_path, "name b").load() is None


def test_what_cannot_be_read_counts_as_absent(tmp_path: Path) -> None:
    file = PositionFile(tmp_path, "a")
    file.store(Place(1, 2))
    sound = file.path.read_bytes()
    for damaged in (b"", sound[:20], sound.replace(b"2 ", b"3 "), b"\xff" * 60, b"x" + sound[1:]):
        file.path.write_bytes(damaged)
        assert PositionFile(tmp_path, "a").load() is None
