"""The four value types of PromQL."""

from __future__ import annotations

from enum import Enum


class ValueType(Enum):
    """The values are the words of the HTTP API; `documented` are those of error messages."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"

    @property
    def documented(self) -> str:
        return _DOCUMENTED.get(self.value, self.value)


_DOCUMENTED = {"vector": "instant vector", "matrix": "range vector"}
