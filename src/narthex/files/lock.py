"""A lock file that one process at a time can hold."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from narthex.errors import StorageError


class FileLock:
    """An advisory lock (flock) on a file, held from construction to release and given up by the kernel on a crash.

    Raises StorageError when another process holds it or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.existed = path.exists()
        """Whether the file was there before: then its last holder did not release it."""
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as e:
            raise StorageError(f"{path}: cannot open the lock file: {e.strerror}") from e
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            other = holder(self._fd) or "another server"
            os.close(self._fd)
            raise StorageError(
                f"{path}: the data directory is in use by {other}; stop it or choose another directory"
            ) from e

    def release(self) -> None:
        """Removes the file and lets go of the lock. Calling it twice does no harm."""
        if self._fd < 0:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1


def holder(fd: int) -> str:
    """Who holds the lock on an open file, as "prometheus (pid 123)"; "" where the kernel does not tell.

    Source: proc(5), locks; so programs that leave no number in the file are found too.
    """
    try:
        found = os.fstat(fd)
        wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" not in fields and fields[1] == "FLOCK" and fields[5] == wanted and int(fields[4]) > 0:
                return f"{Path(f'/proc/{fields[4]}/comm').read_text().strip()} (pid {fields[4]})"
    except (OSError, ValueError, IndexError):
        pass
    return ""
