"""What the HTTP API asks of the rest of the server. `app` makes objects of these shapes; tests make fakes.

Times are Unix seconds as float where they are shown, milliseconds as int where they are computed with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from narthex.model.matcher import Matcher
from narthex.rules.views import GroupView


@dataclass(frozen=True)
class QueryOptions:
    """What a request may change about its query. 0 means the server's default."""

    lookback: int = 0  # milliseconds
    timeout: float = 0.0  # seconds
    limit: int = 0  # series in the answer
    stats: str = ""  # "", "true" or "all"
    explain: bool = False


class QueryAnswer(NamedTuple):
    """A result as JSON of the envelope's `result`, in parts; `stats` and `explain` are JSON, empty when not wanted."""

    result_type: str
    result: Sequence[bytes]
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()
    stats: bytes = b""
    explain: bytes = b""


class PreparedQuery(Protocol):
    """A query that was parsed and checked."""

    def quick(self) -> QueryAnswer | None:
        """The answer at once when that takes well under a millisecond, for the event loop; None: it takes a `run`.

        Raises what `run` raises.
        """
        ...

    def run(self) -> QueryAnswer:
        """Blocks; called once, in a worker thread. Raises QueryError and its kinds, StorageError."""
        ...

    def cancel(self) -> None:
        """From any thread: `run` raises QueryCanceled soon."""
        ...


class QueryEngine(Protocol):
    def instant(self, query: str, time: int, options: QueryOptions) -> PreparedQuery:
        """Raises PromQLError."""
        ...

    def range(self, query: str, start: int, end: int, step: int, options: QueryOptions) -> PreparedQuery:
        """Milliseconds, both ends inclusive. Raises PromQLError."""
        ...


class Language(Protocol):
    """Parsing and printing of expressions."""

    def selector(self, text: str) -> Sequence[Matcher]:
        """Matchers of a series selector. Raises PromQLError."""
        ...

    def selectors(self, query: str) -> Sequence[Sequence[Matcher]]:
        """The matchers of each vector selector in a query. Raises PromQLError."""
        ...

    def format(self, query: str) -> str: ...

    def tree(self, query: str) -> Any:
        """The syntax tree in the JSON shape of /api/v1/parse_query."""
        ...


class MetricMetadata(Protocol):
    """What a target says about a metric family. Equal and hashable by its texts."""

    @property
    def metric(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def unit(self) -> str: ...


class TargetView(Protocol):
    """One active target as the API shows it. `last_scrape` is Unix seconds; `interval` and `timeout` milliseconds."""

    @property
    def discovered_labels(self) -> Mapping[str, str]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def pool(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def health(self) -> str: ...
    @property
    def last_error(self) -> str: ...
    @property
    def last_scrape(self) -> float | None: ...
    @property
    def last_duration(self) -> float: ...
    @property
    def interval(self) -> int: ...
    @property
    def timeout(self) -> int: ...
    def metadata(self) -> Iterable[MetricMetadata]: ...


class DroppedTargetView(Protocol):
    @property
    def discovered_labels(self) -> Mapping[str, str]: ...
    @property
    def pool(self) -> str: ...


class Targets(Protocol):
    def pools(self) -> list[str]: ...
    def active(self) -> Iterable[TargetView]: ...
    def dropped(self) -> Iterable[DroppedTargetView]: ...
    def dropped_counts(self) -> Mapping[str, int]: ...


class Rules(Protocol):
    def groups(self) -> Sequence[GroupView]:
        """In the order of files and of groups in them."""
        ...


class Alertmanagers(Protocol):
    def active(self) -> Sequence[str]:
        """URLs that notifications are sent to."""
        ...

    def dropped(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class StorageStatistics:
    """Of the head. Times in milliseconds; the lists are sorted by falling value."""

    series: int
    label_pairs: int
    chunks: int
    min_time: int
    max_time: int
    series_by_metric: Sequence[tuple[str, int]]
    values_by_label: Sequence[tuple[str, int]]
    bytes_by_label: Sequence[tuple[str, int]]
    series_by_pair: Sequence[tuple[str, int]]


class StorageStatus(Protocol):
    def known_statistics(self, limit: int) -> StorageStatistics | None:
        """The same if it need not be counted: for the event loop."""
        ...

    def statistics(self, limit: int) -> StorageStatistics:
        """Blocks for as long as counting takes; called in a worker thread."""
        ...

    def blocks(self) -> Sequence[Mapping[str, Any]]:
        """The contents of each block's meta.json."""
        ...


class StorageAdmin(Protocol):
    """Deleting and copying. All of it blocks on disk, is called in a worker thread and raises StorageError."""

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> None:
        """Bounds in milliseconds, inclusive."""
        ...

    def clean_tombstones(self) -> None:
        """Frees the space of deleted samples."""
        ...

    def snapshot(self, with_head: bool) -> str:
        """The name of a new directory below the data directory's `snapshots`."""
        ...


@dataclass
class ReplayProgress:
    """Log segments: first, last and the one being replayed."""

    first: int = 0
    last: int = 0
    current: int = 0


class ServerState(Protocol):
    """What the process knows about itself."""

    @property
    def ready(self) -> bool: ...
    @property
    def stopping(self) -> bool: ...
    @property
    def replay(self) -> ReplayProgress: ...
    @property
    def config_yaml(self) -> str:
        """The running configuration, secrets masked."""
        ...

    @property
    def external_labels(self) -> Mapping[str, str]: ...
    @property
    def flags(self) -> Mapping[str, str]: ...
    @property
    def features(self) -> Mapping[str, Mapping[str, bool]]: ...
    def runtime_info(self) -> Mapping[str, Any]: ...
    def build_info(self) -> Mapping[str, str]: ...
    def notifications(self) -> Iterable[Mapping[str, Any]]:
        """What the UI's bell shows: {text, date, active}."""
        ...

    def request_stop(self) -> None: ...
    async def reload(self) -> None:
        """Raises ConfigError (or another NarthexError) when the new configuration cannot be applied."""
        ...
