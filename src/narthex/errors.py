"""Every exception that Narthex raises on purpose.

Bad user input names file, line and key. Bad data is counted, reported and skipped by whoever catches it.
A bug of our own is an InternalError.
"""

from __future__ import annotations

from dataclasses import dataclass


class NarthexError(Exception):
    """Base of all errors raised on purpose."""


class InternalError(NarthexError):
    """A promise between our own parts was broken: a bug of ours, never the user's fault."""


@dataclass(frozen=True)
class ConfigProblem:
    """One mistake in a configuration file. `line` counts from 1, 0 when unknown; `key` is a dotted path or empty."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(NarthexError):
    """A file the user wrote cannot be used. Carries every mistake that was found, in file order."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class MatcherError(NarthexError):
    """A label matcher cannot be built, for example because its regular expression is not valid RE2."""


class PromQLError(NarthexError):
    """An expression does not parse or type-check. Positions are byte offsets into `query`, end exclusive.

    Without a query the text names no place.
    """

    def __init__(self, message: str, query: str | None = None, start: int = 0, end: int = 0) -> None:
        self.message, self.query, self.start, self.end = message, query or "", start, end
        before = self.query.encode(errors="surrogatepass")[:start]
        self.line = before.count(b"\n") + 1
        self.column = start - (before.rfind(b"\n") + 1) + 1
        super().__init__(
            f"{self.line}:{self.column}: parse error: {message}" if query is not None else f"parse error: {message}"
        )


class PromQLScriptError(NarthexError):
    """A PromQL test script is not well formed. `line` counts from 1."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file, self.line, self.message = file, line, message
        super().__init__(f"{file}:{line}: {message}")


class QueryError(NarthexError):
    """A query failed while it ran (HTTP 422)."""


class TooManySamples(QueryError):
    """The query would hold more samples in memory than --query.max-samples."""


class QueryTimeout(QueryError):
    """The query ran longer than its timeout (HTTP 503)."""


class QueryCanceled(QueryError):
    """The caller went away or the server is stopping (HTTP 499)."""


class StorageError(NarthexError):
    """Storage could not serve or take data (HTTP 500 where it reaches a user)."""


class CorruptionError(StorageError):
    """Bytes on disk are not what they should be. Names the file and, where known, the offset."""


class CompactionCanceled(StorageError):
    """A compaction was told to stop before it was done; nothing was changed."""


class ExpositionError(NarthexError):
    """A scraped body is not valid in its format. Names the line."""


class ScrapeError(NarthexError):
    """A scrape failed as a whole; the text is what `lastError` of the target shows."""


class HTTPClientError(NarthexError):
    """A request could not even be sent: a credentials file, certificate or token could not be had. Names which."""


class RuleError(NarthexError):
    """A rule's expression was evaluated, but its result cannot be used: too many series, or two with equal labels."""


class WebConfigError(NarthexError):
    """The web configuration file names something that cannot be used, such as a certificate (exit code 2)."""


class TemplateError(NarthexError):
    """A Go template does not parse or failed while it ran."""


class FlagError(NarthexError):
    """A command-line flag has a value that cannot be used (exit code 2)."""


class WrongModeError(FlagError):
    """A flag was used in a mode that does not have it (exit code 3)."""


class MetricsRefused(NarthexError):
    """Metrics that somebody sent cannot be taken, and sending them again would not help (HTTP 400)."""


class RequestError(NarthexError):
    """An API request cannot be answered. `kind` is one of the API's error types: bad_data, execution, canceled,
    timeout, internal, unavailable, not_found, not_acceptable.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MustWait(NarthexError):
    """What should be done at once needs another server; ask again where waiting is no harm."""


class RemoteReadError(NarthexError):
    """A remote read endpoint could not be asked or gave no usable answer. Names the endpoint."""
