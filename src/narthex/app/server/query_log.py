"""The query log (`global.query_log_file`): a JSON object for each query, in lines appended to a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from narthex.app.logging import JsonFormatter
from narthex.errors import ConfigError, ConfigProblem


class _File(logging.FileHandler):
    """Counts lines that cannot be written instead of reporting each."""

    def __init__(self, path: Path, failed: Callable[[], None]) -> None:
        super().__init__(path, encoding="utf-8")
        self._failed = failed
        self.setFormatter(JsonFormatter())

    def handleError(self, record: logging.LogRecord) -> None:
        self._failed()


class QueryLog:
    """One open file. `write` may be called from several threads."""

    def __init__(self, path: str, failed: Callable[[], None]) -> None:
        """`failed` is called for each line that is lost. Raises ConfigError when the file cannot be opened."""
        try:
            self._file = _File(Path(path), failed)
        except OSError as e:
            reason = f"cannot be opened: {e.strerror or e}"
            raise ConfigError([ConfigProblem(path, 0, "global.query_log_file", reason)]) from None
        self._log = logging.Logger("root", logging.INFO)  # outside of the tree of loggers: only this file has its lines
        self._log.addHandler(self._file)

    def write(self, query: Mapping[str, object]) -> None:
        self._log.info("promql query logged", extra=query)

    def close(self) -> None:
        self._file.close()
