"""Scalars of YAML and the field types of configuration models.

A scalar keeps the text that stands in the file, beside the type that YAML 1.1 gives it. A model field that wants text
gets the text (so a label value `010` stays `010`); a field that wants a number or a bool asks for the type. Null is the
zero value of whatever the field wants. All field types also take ready
Python values, so that models can be built in code.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from narthex.model.duration import parse_duration
from narthex.model.size import parse_size

Tag = Literal["str", "null", "bool", "int", "float", "timestamp", "binary"]

_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_INT = re.compile(r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*)?\.?[0-9]+([eE][-+]?[0-9]+)?\Z|[-+]?[0-9][0-9_]*\.([eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?\Z")


class Scalar(str):
    """The text of a scalar with the type that YAML gives it. Null has the text ""."""

    __slots__ = ("tag",)
    tag: Tag

    def __new__(cls, text: str, tag: Tag = "str") -> Scalar:
        self = super().__new__(cls, text)
        self.tag = tag
        return self


def plain_scalar(text: str) -> Scalar:
    """A scalar without quotes and without an explicit tag."""
    if text in _NULL:
        return Scalar("", "null")
    return Scalar(text, resolve(text))


def resolve(text: str) -> Tag:
    """The YAML 1.1 type of plain text, as Prometheus' reader resolves it."""
    if text in _NULL:
        return "null"
    if text in _TRUE or text in _FALSE:
        return "bool"
    if text[0] not in "+-.0123456789":
        return "str"
    if _INT.match(text):
        return "int"
    if _FLOAT.match(text) or _SPECIAL_FLOAT.match(text):
        return "float"
    if _TIMESTAMP.match(text):
        return "timestamp"
    return "str"


def binary_scalar(text: str) -> Scalar:
    """A !!binary scalar. Raises ValueError when it is not base64 or does not hold UTF-8."""
    try:
        return Scalar(base64.b64decode(text, validate=False).decode(), "binary")
    except binascii.Error as e:
        raise ValueError(f"!!binary value is not base64: {e}") from None
    except UnicodeDecodeError:
        raise ValueError("!!binary value is not UTF-8 text") from None


def number(text: str) -> int | float:
    """The value of a scalar whose tag is int or float."""
    plain = text.replace("_", "")
    if _INT.match(plain):
        sign, digits = (-1, plain[1:]) if plain[0] == "-" else (1, plain.lstrip("+"))
        if len(digits) > 100:
            raise ValueError("the number is out of range")
        if digits[:2] in ("0b", "0o", "0x"):
            return sign * int(digits, 0)
        if len(digits) > 1 and digits[0] == "0" and all(c in "01234567" for c in digits):
            return sign * int(digits, 8)
        return sign * int(digits)
    lower = plain.lower()
    if lower.endswith(".inf"):
        return float("-inf") if lower.startswith("-") else float("inf")
    return float("nan") if lower == ".nan" else float(plain)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value[:60]}"'
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)


def _text(value: Any) -> Any:
    if isinstance(value, Scalar):
        return str(value)
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {_shown(value)}")


def _bool(value: Any) -> Any:
    if isinstance(value, Scalar):
        if value.tag == "null":
            return False
        if value.tag == "bool":
            return value in _TRUE
    elif isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {_shown(value)}")


def _int(value: Any) -> Any:
    if isinstance(value, Scalar):
        if value.tag == "null":
            return 0
        if value.tag in ("int", "float"):
            result = number(value)
            if isinstance(result, int) or result.is_integer():
                return int(result)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a whole number, got {_shown(value)}")


def _unsigned(value: Any) -> Any:
    result = _int(value)
    if not 0 <= result < 2**64:
        raise ValueError(f"expected a whole number of 0 or more, got {result}")
    return result


def _float(value: Any) -> Any:
    if isinstance(value, Scalar):
        if value.tag == "null":
            return 0.0
        if value.tag in ("int", "float"):
            return float(number(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"expected a number, got {_shown(value)}")


def _milliseconds(value: Any) -> Any:
    if isinstance(value, Scalar) and value.tag == "null":
        return 0
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as e:
            raise ValueError(f"{e} (write for example 30s, 1m or 1h30m)") from None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a duration such as 30s, got {_shown(value)}")


def _bytes(value: Any) -> Any:
    if isinstance(value, Scalar) and value.tag == "null":
        return 0
    if isinstance(value, str):
        try:
            return parse_size(value or "0")
        except ValueError as e:
            raise ValueError(f"{e}: write a number and one of B, KB, MB, GB, TB, PB, EB (powers of 1024)") from None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a size such as 10MB, got {_shown(value)}")


class _TextType:
    """Base of values made of one text, printed and compared by it."""

    __slots__ = ("_text",)
    _shape: ClassVar[str] = "text"

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._text == self._text

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._text))

    def __bool__(self) -> bool:
        return self._text != ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._take)

    @classmethod
    def _take(cls, value: Any) -> Any:
        return value if isinstance(value, cls) else cls(_text(value))


class Secret(_TextType):
    """Text that must never be shown: it prints as `<secret>` everywhere; `reveal()` where it is really used."""

    __slots__ = ()

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "<secret>" if self._text else ""

    def __repr__(self) -> str:
        return f"Secret({'<secret>' if self._text else ''})"


class Url(_TextType):
    """A URL of the configuration. Printing hides its password; `text` is the whole of it."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        if text:
            try:
                _ = urlsplit(text).port
            except ValueError as e:
                raise ValueError(f'"{str(self)[:200]}" is not a URL: {e}') from None

    @property
    def text(self) -> str:
        return self._text

    @property
    def scheme(self) -> str:
        return urlsplit(self._text).scheme

    @property
    def host(self) -> str:
        """Host and port, without user and password."""
        return urlsplit(self._text).netloc.rpartition("@")[2]

    def __str__(self) -> str:
        scheme, separator, rest = self._text.partition("://")
        end = next((i for i, c in enumerate(rest) if c in "/?#"), len(rest))
        user, at, host = rest[:end].rpartition("@")
        if not separator or not at or ":" not in user:
            return self._text
        return f"{scheme}://{user.partition(':')[0]}:xxxxx@{host}{rest[end:]}"

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


def _path(value: Any, info: ValidationInfo) -> Any:
    text = _text(value)
    directory = info.context.get("directory") if info.context else None
    return str(Path(directory) / text) if text and directory is not None else text


def native(value: Any) -> Any:
    """Free-form YAML as Python values, each scalar with the type that YAML gives it."""
    if isinstance(value, dict):
        return {key: native(item) for key, item in value.items()}
    if isinstance(value, list):
        return [native(item) for item in value]
    if not isinstance(value, Scalar):
        return value
    match value.tag:
        case "null":
            return None
        case "bool":
            return value in _TRUE
        case "int" | "float":
            return number(value)
        case _:
            return str(value)


Text = Annotated[str, BeforeValidator(_text)]
Bool = Annotated[bool, BeforeValidator(_bool)]
Int = Annotated[int, BeforeValidator(_int)]
Unsigned = Annotated[int, BeforeValidator(_unsigned)]
Float = Annotated[float, BeforeValidator(_float)]
Milliseconds = Annotated[int, BeforeValidator(_milliseconds)]
Bytes = Annotated[int, BeforeValidator(_bytes)]
FilePath = Annotated[str, BeforeValidator(_path)]
"""A path, made relative to the directory of the configuration file (validation context "directory")."""
Free = Annotated[Any, BeforeValidator(native)]
