"""What an API answers, as typed models: only the fields that become labels, everything else is skipped.

As peers decode: a field that is missing or null has the zero value of its type, a field of another type is a mistake of
the whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel, to_pascal

from narthex.errors import HTTPClientError

T = TypeVar("T")


class Payload(BaseModel):
    """Base of such models. Every field needs a default."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _nulls(cls, value: Any) -> Any:
        if value is None:
            return {}
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class PascalPayload(Payload):
    """Fields are named LikeThis in the JSON text."""

    model_config = ConfigDict(alias_generator=to_pascal)


class CamelPayload(Payload):
    """Fields are named likeThis in the JSON text."""

    model_config = ConfigDict(alias_generator=to_camel)


def decode(kind: type[T], body: bytes) -> T:
    """The JSON text as a model, or a list of models. Raises HTTPClientError that names the first mistake's place."""
    found: T = _checked(lambda: _adapter(cast(Hashable, kind)).validate_json(body))
    return found


def validated(kind: type[T], document: object) -> T:
    """As `decode`, of a document that is already read."""
    found: T = _checked(lambda: _adapter(cast(Hashable, kind)).validate_python(document))
    return found


def _checked(validate: Callable[[], Any]) -> Any:
    try:
        return validate()
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPClientError(f"the answer cannot be used: {where + ': ' if where else ''}{first['msg']}") from None


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))
