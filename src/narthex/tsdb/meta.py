"""meta.json of a block. Format: docs/formats/meta.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from narthex.errors import CorruptionError
from narthex.files.durable import write_durable
from narthex.tsdb.ulid import is_ulid

FILENAME = "meta.json"
VERSION = 1
BAD_INDEX_VERSION = 2  # of blocks whose index carries version 1 but is written in version 2
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class BlockStats:
    samples: int = 0
    float_samples: int = 0
    histogram_samples: int = 0
    series: int = 0
    chunks: int = 0
    tombstones: int = 0


@dataclass(frozen=True)
class BlockParent:
    """A block that went into another one."""

    ulid: str
    min_time: int
    max_time: int


@dataclass(frozen=True)
class BlockMeta:
    """What a block holds and where it came from. Times are milliseconds, `max_time` is exclusive.

    `sources` are the level-1 blocks it goes back to, `parents` those it was made of directly. `deletable`: nothing is
    left in it. `failed`: a compaction broke on it and is not to be tried again. `extra` are keys of other programs
    (Thanos), kept as they are.
    """

    ulid: str
    min_time: int
    max_time: int
    stats: BlockStats = BlockStats()
    level: int = 1
    sources: tuple[str, ...] = ()
    parents: tuple[BlockParent, ...] = ()
    deletable: bool = False
    failed: bool = False
    hints: tuple[str, ...] = ()
    version: int = VERSION
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def duration(self) -> int:
        return self.max_time - self.min_time

    def overlaps(self, mint: int, maxt: int) -> bool:
        """Whether the block can hold samples in [mint, maxt], both inclusive."""
        return self.min_time <= maxt and mint < self.max_time


_STATS = (
    ("numSamples", "samples"),
    ("numFloatSamples", "float_samples"),
    ("numHistogramSamples", "histogram_samples"),
    ("numSeries", "series"),
    ("numChunks", "chunks"),
    ("numTombstones", "tombstones"),
)


def encode_meta(meta: BlockMeta) -> bytes:
    """The text that Prometheus writes for the same values."""
    compaction: dict[str, Any] = {"level": meta.level}
    if meta.sources:
        compaction["sources"] = list(meta.sources)
    if meta.deletable:
        compaction["deletable"] = True
    if meta.parents:
        compaction["parents"] = [{"ulid": p.ulid, "minTime": p.min_time, "maxTime": p.max_time} for p in meta.parents]
    if meta.failed:
        compaction["failed"] = True
    if meta.hints:
        compaction["hints"] = list(meta.hints)
    stats = {key: n for key, name in _STATS if (n := getattr(meta.stats, name))}
    document = {"ulid": meta.ulid, "minTime": meta.min_time, "maxTime": meta.max_time, "stats": stats}
    document |= {"compaction": compaction, "version": meta.version, **meta.extra}
    return json.dumps(document, indent="\t", ensure_ascii=False).encode()


def decode_meta(data: bytes, origin: str) -> BlockMeta:
    """Raises CorruptionError, which names `origin` and the key."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise CorruptionError(f"{origin}: not JSON: {e}") from None
    reader = _Fields(document, origin)
    version = reader.number("version")
    if version not in (VERSION, BAD_INDEX_VERSION):
        raise CorruptionError(f"{origin}: unexpected version {version}")
    ulid = reader.text("ulid")
    if not is_ulid(ulid):
        raise CorruptionError(f"{origin}: ulid: {ulid!r} is not a ULID")
    stats = reader.object("stats")
    compaction = reader.object("compaction")
    min_time, max_time = reader.number("minTime"), reader.number("maxTime")
    if min_time > max_time:
        raise CorruptionError(f"{origin}: minTime {min_time} is after maxTime {max_time}")
    known = {"ulid", "minTime", "maxTime", "stats", "compaction", "version"}
    return BlockMeta(
        ulid=ulid,
        min_time=min_time,
        max_time=max_time,
        stats=BlockStats(**{name: stats.number(key, 0) for key, name in _STATS}),
        level=compaction.number("level", 1),
        sources=compaction.texts("sources"),
        parents=tuple(
            BlockParent(p.text("ulid"), p.number("minTime", 0), p.number("maxTime", 0))
            for p in compaction.objects("parents")
        ),
        deletable=compaction.flag("deletable"),
        failed=compaction.flag("failed"),
        hints=compaction.texts("hints"),
        version=version,
        extra={key: value for key, value in reader.fields.items() if key not in known},
    )


class _Fields:
    """Typed access to a JSON object; a wrong type is a CorruptionError that names the key."""

    def __init__(self, value: Any, origin: str) -> None:
        if not isinstance(value, dict):
            raise CorruptionError(f"{origin}: not an object")
        self.fields: dict[str, Any] = value
        self._origin = origin

    def number(self, key: str, default: int | None = None) -> int:
        value = self.fields.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
            raise CorruptionError(f"{self._origin}: {key}: not a 64-bit number")
        return value

    def text(self, key: str) -> str:
        value = self.fields.get(key)
        if not isinstance(value, str):
            raise CorruptionError(f"{self._origin}: {key}: not a text")
        return value

    def flag(self, key: str) -> bool:
        return self.fields.get(key) is True

    def _list(self, key: str) -> list[Any]:
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise CorruptionError(f"{self._origin}: {key}: not a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key)
        if not all(isinstance(v, str) for v in values):
            raise CorruptionError(f"{self._origin}: {key}: not a list of texts")
        return tuple(values)

    def object(self, key: str) -> _Fields:
        value = self.fields.get(key)
        return _Fields({} if value is None else value, f"{self._origin}: {key}")

    def objects(self, key: str) -> list[_Fields]:
        return [_Fields(value, f"{self._origin}: {key}") for value in self._list(key)]


def read_meta(directory: Path) -> BlockMeta:
    """Of a block's directory. Raises CorruptionError, also when the file is missing."""
    path = directory / FILENAME
    try:
        return decode_meta(path.read_bytes(), str(path))
    except OSError as e:
        raise CorruptionError(f"{path}: {e.strerror}") from None


def write_meta(directory: Path, meta: BlockMeta) -> None:
    """Replaces the file atomically. Raises OSError."""
    write_durable(directory / FILENAME, encode_meta(meta))
