"""A small validator for the part of JSON Schema that Prometheus' OpenAPI document uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
}  # fmt: skip


class Document:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def problems(self, path: str, method: str, status: int, body: Any) -> list[str]:
        """What in `body` the schema of this answer does not allow."""
        responses = self._document["paths"][path][method]["responses"]
        response = responses.get(str(status)) or responses["default"]
        return list(self._check(body, response["content"]["application/json"]["schema"], "$"))

    def _check(self, value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
        if "$ref" in schema:
            target: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            yield from self._check(value, target, at)
            return
        for key in ("anyOf", "oneOf"):
            if key in schema:
                tries = [list(self._check(value, option, at)) for option in schema[key]]
                if all(tries):
                    yield f"{at}: no alternative fits: {min(tries, key=len)}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{at}: {value!r} is not one of {schema['enum']}"
        expected = schema.get("type")
        if expected and (
            not isinstance(value, _TYPES[expected]) or (expected != "boolean" and isinstance(value, bool))
        ):
            yield f"{at}: {value!r} is no {expected}"
        elif expected == "object":
            yield from self._object(value, schema, at)
        elif expected == "array":
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                yield f"{at}: {len(value)} items"
            for i, item in enumerate(value):
                yield from self._check(item, schema.get("items", {}), f"{at}[{i}]")
        elif schema.get("format") == "date-time":
            try:
                datetime.fromisoformat(value.replace("Z", "+00:00"))
            except ValueError:
                yield f"{at}: {value!r} is no date-time"

    def _object(self, value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}: {name} is missing"
        for name, item in value.items():
            if name in properties:
                yield from self._check(item, properties[name], f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{at}: {name} is not allowed"
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from self._check(item, schema["additionalProperties"], f"{at}.{name}")
