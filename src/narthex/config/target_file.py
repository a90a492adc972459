"""Lists of target groups in YAML or JSON: discovery files, and the answers of HTTP discovery."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from narthex.config.sd.plain import StaticConfig
from narthex.config.strict import MAX_BYTES, Document, is_null, parse, problems_of
from narthex.errors import ConfigError, ConfigProblem


@cache
def _groups() -> TypeAdapter[list[StaticConfig]]:
    return TypeAdapter(list[StaticConfig])


def parse_yaml_groups(data: bytes, file: str) -> list[StaticConfig]:
    """Raises ConfigError; an empty file is an empty list."""
    document = parse(data, file)
    return [] if document.value is None or is_null(document.value) else _validate(document.value, document)


def parse_json_groups(data: bytes, file: str) -> list[StaticConfig]:
    """Raises ConfigError; `null` is an empty list."""
    if len(data) > MAX_BYTES:
        raise ConfigError([ConfigProblem(file, 0, "", f"larger than {MAX_BYTES // 1024 // 1024} MiB")])
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as e:
        raise ConfigError([ConfigProblem(file, e.lineno, "", f"not valid JSON: {e.msg}")]) from None
    if isinstance(value, list):
        value = [_without_null(item) for item in value]
    return [] if value is None else _validate(value, Document(file, None))


def _without_null(item: Any) -> Any:
    return {k: v for k, v in item.items() if v is not None} if isinstance(item, dict) else item


def _validate(value: Any, document: Document) -> list[StaticConfig]:
    keys: dict[int, list[str]] = {}
    try:
        return _groups().validate_python(value, context={"keys": keys})
    except ValidationError as e:
        raise ConfigError(problems_of(e, document, keys)) from None
