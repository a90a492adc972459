"""Log lines in Prometheus' two formats, logfmt and JSON, on standard error.

Parts log through the standard library: `log.info("Done replaying", extra={"duration": "1s"})`; every key of `extra`
becomes a field. The component is the logger's name without `narthex.`.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import IO

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_NAMES = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARN", "ERROR": "ERROR", "CRITICAL": "ERROR"}


def set_up_logging(level: str, format: str, stream: IO[str] | None = None) -> None:
    """Replaces the root logger's handlers. `level` is debug, info, warn or error; `format` logfmt or json."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else LogfmtFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for noisy in ("asyncio", "aiohttp.access", "aiohttp.client"):
        logging.getLogger(noisy).setLevel(max(_LEVELS[level], logging.WARNING))


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What one line says, in order: time, level, source, msg, component, then the extra fields."""
    moment = datetime.fromtimestamp(record.created, UTC)
    out: dict[str, object] = {
        "time": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
        "level": _NAMES.get(record.levelname, record.levelname),
        "source": f"{record.filename}:{record.lineno}",
        "msg": record.getMessage(),
    }
    if record.name != "root":
        out["component"] = record.name.removeprefix("narthex.")
    out.update((key, value) for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_"))
    if record.exc_info and record.exc_info[1] is not None:
        out["err"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        out["traceback"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return out


class LogfmtFormatter(logging.Formatter):
    """key=value pairs; values with spaces, quotes, equal signs or control characters are quoted."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in fields(record).items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line; values that are neither numbers, booleans nor mappings are strings."""

    def format(self, record: logging.LogRecord) -> str:
        plain = {k: v if isinstance(v, bool | int | float | dict) else str(v) for k, v in fields(record).items()}
        return json.dumps(plain, ensure_ascii=False)


def _quoted(text: str) -> str:
    if text and not any(ch <= " " or ch in '"=' or ch == "\x7f" or not ch.isprintable() for ch in text):
        return text
    return json.dumps(text, ensure_ascii=False)
