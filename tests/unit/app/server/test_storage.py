"""What flags and configuration mean for the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.app.flags import parse_flags
from narthex.app.server import storage
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.app.server.settings import server_settings
from narthex.app.server.storage import db_options, wanted_retention
from narthex.config.prometheus import parse_config
from narthex.errors import FlagError, StorageError
from narthex.tsdb.meta import BlockMeta
from narthex.tsdb.options import DBOptions
from narthex.tsdb.retention import Retention
from support.clock import FakeClock

DAY = 86_400_000


def options(tmp_path: Path, config: str = "", *arguments: str) -> DBOptions:
    flags = parse_flags(SERVER_FLAGS, [f"--storage.tsdb.path={tmp_path / 'data'}", *arguments])
    return db_options(flags, server_settings(flags), parse_config(config), FakeClock())


def retention(config: str, *arguments: str) -> Retention:
    return wanted_retention(server_settings(parse_flags(SERVER_FLAGS, arguments)), parse_config(config))


def test_the_retention_of_the_file_replaces_that_of_the_flags_as_a_whole() -> None:
    assert retention("") == Retention(15 * DAY)
    assert retention("", "--storage.tsdb.retention.time=1d") == Retention(DAY)
    text = "storage: {tsdb: {retention: {size: 1GB}}}"
    assert retention(text, "--storage.tsdb.retention.time=1d") == Retention(0, 2**30)
    assert retention("storage: {tsdb: {retention: {percentage: 12.5}}}") == Retention(0, 0, 12.5)
    assert retention("storage: {tsdb: {out_of_order_time_window: 1h}}") == Retention(15 * DAY)


def test_blocks_are_not_opened_under_a_shorter_retention_than_the_file_wants(tmp_path: Path) -> None:
    found = options(tmp_path, "storage: {tsdb: {retention: {time: 3y, percentage: 5}}}")
    assert (found.retention_time, found.retention_percentage) == (3 * 365 * DAY, 5)


def test_a_percentage_of_an_unknown_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "disk_space", lambda path: None)
    with pytest.raises(StorageError, match="the size of the file system is unknown"):
        options(tmp_path, "storage: {tsdb: {retention: {percentage: 5}}}")


def test_hidden_flags_reach_the_blocks(tmp_path: Path) -> None:
    found = options(
        tmp_path,
        "",
        "--storage.tsdb.max-block-chunk-segment-size=2MB",
        "--no-storage.tsdb.allow-overlapping-compaction",
        "--storage.tsdb.block-reload-interval=10ms",
    )
    assert found.block_segment_size == 2 * 2**20
    assert not found.compact_overlapping
    assert found.reload_interval == 1.0
    assert not found.pending(BlockMeta("x", 0, 1))
    assert found.compaction_delay() == 0
    with pytest.raises(FlagError, match="must be set over 1MB"):
        options(tmp_path, "", "--storage.tsdb.max-block-chunk-segment-size=1KB")
    with pytest.raises(FlagError, match="from 0 to 100"):
        options(tmp_path, "", "--storage.tsdb.delayed-compaction.max-percent=101")


def test_compaction_is_delayed_by_a_share_of_the_block_range(tmp_path: Path) -> None:
    flags = ("--enable-feature=delayed-compaction", "--storage.tsdb.delayed-compaction.max-percent=25")
    drawn = [options(tmp_path, "", *flags).compaction_delay() for _ in range(50)]
    assert all(0 <= seconds <= 1800 for seconds in drawn)
    assert max(drawn) > 600


def test_blocks_wait_for_those_that_the_delay_file_names(tmp_path: Path) -> None:
    listed = tmp_path / "shipper.json"
    listed.write_text('{"uploaded": ["a"]}')
    found = options(tmp_path, "", f"--storage.tsdb.delay-compact-file.path={listed}")
    assert [found.pending(BlockMeta(name, 0, 1)) for name in "ab"] == [False, True]
    assert not found.pending(BlockMeta("b", 0, 1, level=2))
