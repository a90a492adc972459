"""The file in which an uploader lists the blocks it has stored elsewhere (--storage.tsdb.delay-compact-file.path).

A JSON object; `uploaded` is a list of ULIDs, as Thanos' sidecar keeps it in `thanos.shipper.json`.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from narthex.clock import Clock
from narthex.tsdb.meta import BlockMeta

log = logging.getLogger("narthex.tsdb")

_KEEP = 60.0  # seconds between two looks into the file


class UploadList:
    """Says which blocks must wait for their upload. Without a readable file none do."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._uploaded: frozenset[str] | None = None
        self._read_at = -_KEEP

    def pending(self, meta: BlockMeta) -> bool:
        """Blocks that were compacted before are taken for never uploaded, so they need not wait."""
        if meta.level > 1:
            return False
        if self._uploaded is None or self._clock.monotonic() - self._read_at >= _KEEP:
            self._uploaded, self._read_at = self._read(), self._clock.monotonic()
        return self._uploaded is not None and meta.ulid not in self._uploaded

    def _read(self) -> frozenset[str] | None:
        try:
            document = json.loads(self._path.read_bytes())
            uploaded = document["uploaded"] or ()
            if not isinstance(uploaded, (list, tuple)):
                raise TypeError("uploaded is not a list")
            return frozenset(map(str, uploaded))
        except OSError as e:
            log.warning("Cannot open the list of uploaded blocks", extra={"path": str(self._path), "err": e.strerror})
        except (ValueError, TypeError, KeyError, RecursionError) as e:
            log.warning("Cannot parse the list of uploaded blocks", extra={"path": str(self._path), "err": repr(e)})
        return None
