from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from narthex.errors import StorageError
from narthex.files.lock import FileLock, holder


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert not lock.existed
    with pytest.raises(StorageError, match="in use by "):
        FileLock(tmp_path / "lock")
    lock.release()
    lock.release()
    assert not (tmp_path / "lock").exists()
    FileLock(tmp_path / "lock").release()


def test_a_lock_ends_with_its_process_and_tells_that_it_was_not_released(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from narthex.files.lock import FileLock; "
    code += "lock = FileLock(Path(sys.argv[1])); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=True)
    lock = FileLock(tmp_path / "lock")
    assert lock.existed
    lock.release()


def test_a_lock_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no/lock: cannot open the lock file"):
        FileLock(tmp_path / "no" / "lock")


def test_who_holds_the_lock_is_named(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with (tmp_path / "lock").open() as f:
        if not holder(f.fileno()):
            pytest.skip("the kernel does not tell who holds a lock on this file system")
    with pytest.raises(StorageError, match=rf"in use by \S+ \(pid {os.getpid()}\); stop it"):
        FileLock(tmp_path / "lock")
    lock.release()
