"""OTLP/JSON: a request as JSON becomes the same request as protobuf, so that both are translated in one place.

Form: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Keys are lowerCamelCase (snake_case is taken,
too), unknown keys are passed over, 64-bit integers are numbers or strings, trace and span ids are hexadecimal, other
bytes base64, enumerations are numbers (names are taken, too).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from narthex.errors import MetricsRefused
from narthex.remote.otlp_wire import put_bytes, put_double, put_fixed64, put_int, put_sint

MOST_NESTING = 160
"""Of messages in one another; attributes nest 32 deep, with four messages a level at most."""

_TEMPORALITIES = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
}
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

_Put = Callable[[bytearray, int, Any], None]


def to_protobuf(body: bytes) -> bytes:
    """Raises MetricsRefused for what is not JSON, or a value that its field cannot hold."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise MetricsRefused(f"the request is not JSON: {e}") from None
    out = bytearray()
    _put_message(out, "request", document, "", MOST_NESTING)
    return bytes(out)


def _put_message(out: bytearray, message: str, value: Any, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise _wrong(path, "an object")
    if depth == 0:
        raise MetricsRefused("attribute values nest too deep")
    for key, member in value.items():
        field = _MESSAGES[message].get(key)
        if field is None or member is None:
            continue
        number, kind, repeated = field
        where = f"{path}.{key}" if path else key
        if repeated:
            if not isinstance(member, list):
                raise _wrong(where, "a list")
            for item in member:
                _put(out, number, kind, item, where, depth)
        else:
            _put(out, number, kind, member, where, depth)


def _put(out: bytearray, number: int, kind: str, value: Any, path: str, depth: int) -> None:
    scalar = _SCALARS.get(kind)
    if scalar is None:
        inner = bytearray()
        _put_message(inner, kind, value, path, depth - 1)
        put_bytes(out, number, inner)
        return
    put, expected = scalar
    try:
        put(out, number, value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise _wrong(path, expected) from None


def _wrong(path: str, expected: str) -> MetricsRefused:
    return MetricsRefused(f"{path or 'the request'}: {expected} is needed")


def _put_string(out: bytearray, number: int, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError
    put_bytes(out, number, value.encode())


def _put_hex(out: bytearray, number: int, value: Any) -> None:
    put_bytes(out, number, bytes.fromhex(value))


def _put_base64(out: bytearray, number: int, value: Any) -> None:
    text = value.replace("-", "+").replace("_", "/")
    try:
        put_bytes(out, number, base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except binascii.Error:
        raise ValueError from None


def _put_bool(out: bytearray, number: int, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError
    put_int(out, number, value)


def _put_temporality(out: bytearray, number: int, value: Any) -> None:
    known = _TEMPORALITIES.get(value) if isinstance(value, str) else None
    put_int(out, number, _whole(value, 0, 2**31 - 1) if known is None else known)


def _put_float(out: bytearray, number: int, value: Any) -> None:
    if isinstance(value, bool):
        raise TypeError
    put_double(out, number, _FLOATS[value] if value in _FLOATS else float(value))


def _put_whole(put: Callable[[bytearray, int, int], None], least: int, most: int) -> _Put:
    return lambda out, number, value: put(out, number, _whole(value, least, most))


def _whole(value: Any, least: int, most: int) -> int:
    """From a number or its text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    whole = int(value)
    if (whole != value and isinstance(value, float)) or not least <= whole <= most:
        raise ValueError
    return whole


_INT64 = (-(2**63), 2**63 - 1)
_UINT64 = (0, 2**64 - 1)
_SCALARS: Mapping[str, tuple[_Put, str]] = {
    "string": (_put_string, "a string"),
    "hex": (_put_hex, "a hexadecimal string"),
    "base64": (_put_base64, "a base64 string"),
    "bool": (_put_bool, "true or false"),
    "temporality": (_put_temporality, "an aggregation temporality"),
    "double": (_put_float, "a number"),
    "int64": (_put_whole(put_int, *_INT64), "a 64-bit integer"),
    "uint64": (_put_whole(put_int, *_UINT64), "an unsigned 64-bit integer"),
    "fixed64": (_put_whole(put_fixed64, *_UINT64), "an unsigned 64-bit integer"),
    "sfixed64": (_put_whole(put_fixed64, *_INT64), "a 64-bit integer"),
    "sint32": (_put_whole(put_sint, -(2**31), 2**31 - 1), "a 32-bit integer"),
    "uint32": (_put_whole(put_int, 0, 2**32 - 1), "an unsigned 32-bit integer"),
}

# Messages of opentelemetry-proto as far as they are looked at: "name number kind", a star where repeated.
_FIELDS = {
    "request": "resourceMetrics 1 resourceMetrics*",
    "resourceMetrics": "resource 1 resource, scopeMetrics 2 scopeMetrics*, schemaUrl 3 string",
    "resource": "attributes 1 keyValue*",
    "scopeMetrics": "scope 1 scope, metrics 2 metric*, schemaUrl 3 string",
    "scope": "name 1 string, version 2 string, attributes 3 keyValue*",
    "metric": "name 1 string, description 2 string, unit 3 string, gauge 5 gauge, sum 7 sum, histogram 9 histogram, "
    "exponentialHistogram 10 exponentialHistogram, summary 11 summary",
    "gauge": "dataPoints 1 number*",
    "sum": "dataPoints 1 number*, aggregationTemporality 2 temporality, isMonotonic 3 bool",
    "histogram": "dataPoints 1 histogramPoint*, aggregationTemporality 2 temporality",
    "exponentialHistogram": "dataPoints 1 exponentialPoint*, aggregationTemporality 2 temporality",
    "summary": "dataPoints 1 summaryPoint*",
    "number": "startTimeUnixNano 2 fixed64, timeUnixNano 3 fixed64, asDouble 4 double, exemplars 5 exemplar*, "
    "asInt 6 sfixed64, attributes 7 keyValue*, flags 8 uint32",
    "histogramPoint": "startTimeUnixNano 2 fixed64, timeUnixNano 3 fixed64, count 4 fixed64, sum 5 double, "
    "bucketCounts 6 fixed64*, explicitBounds 7 double*, exemplars 8 exemplar*, attributes 9 keyValue*, flags 10 uint32",
    "exponentialPoint": "attributes 1 keyValue*, startTimeUnixNano 2 fixed64, timeUnixNano 3 fixed64, count 4 fixed64, "
    "sum 5 double, scale 6 sint32, zeroCount 7 fixed64, positive 8 buckets, negative 9 buckets, flags 10 uint32, "
    "exemplars 11 exemplar*, zeroThreshold 14 double",
    "buckets": "offset 1 sint32, bucketCounts 2 uint64*",
    "summaryPoint": "startTimeUnixNano 2 fixed64, timeUnixNano 3 fixed64, count 4 fixed64, sum 5 double, "
    "quantileValues 6 quantile*, attributes 7 keyValue*, flags 8 uint32",
    "quantile": "quantile 1 double, value 2 double",
    "exemplar": "timeUnixNano 2 fixed64, asDouble 3 double, spanId 4 hex, traceId 5 hex, asInt 6 sfixed64, "
    "filteredAttributes 7 keyValue*",
    "keyValue": "key 1 string, value 2 anyValue",
    "anyValue": "stringValue 1 string, boolValue 2 bool, intValue 3 int64, doubleValue 4 double, arrayValue 5 array, "
    "kvlistValue 6 keyValueList, bytesValue 7 base64",
    "array": "values 1 anyValue*",
    "keyValueList": "values 1 keyValue*",
}


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _table(text: str) -> Mapping[str, tuple[int, str, bool]]:
    out = {}
    for entry in text.split(", "):
        name, number, kind = entry.split()
        out[name] = out[_snake(name)] = (int(number), kind.rstrip("*"), kind.endswith("*"))
    return out


_MESSAGES = {message: _table(text) for message, text in _FIELDS.items()}
