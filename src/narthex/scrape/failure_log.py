"""scrape_failure_log_file: one JSON line for each failed scrape."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO

import orjson

from narthex.clock import Clock
from narthex.model.rfc3339 import format_rfc3339

log = logging.getLogger(__name__)


class FailureLog:
    """Appends to a file that stays open; `reopen` after it was rotated away. Trouble with it never stops a scrape."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._file: BinaryIO | None = None
        self.reopen()

    def reopen(self) -> None:
        self.close()
        try:
            self._file = Path(self._path).open("ab", buffering=0)  # noqa: SIM115  # stays open between scrapes
        except OSError as e:
            log.error("cannot open the scrape failure log %s: %s", self._path, e)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def write(self, job: str, target: str, error: str) -> None:
        if self._file is None:
            return
        line = orjson.dumps(
            {
                "time": format_rfc3339(self._clock.now()),
                "level": "ERROR",
                "msg": error,
                "job_name": job,
                "target": target,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        try:
            self._file.write(line)
        except OSError as e:
            log.error("cannot write the scrape failure log %s: %s", self._path, e)
