"""Content negotiation of a scrape: Accept out, Content-Type back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from narthex.config.scrape import PROTOCOLS
from narthex.errors import ScrapeError


class Format(Enum):
    """How a body is to be read."""

    TEXT = "text"  # text format 0.0.4 and 1.0.0
    OPENMETRICS = "openmetrics"  # 0.0.1 and 1.0.0
    PROTOBUF = "protobuf"  # MetricFamily messages, each behind its length


_FIRST_WEIGHT = len(PROTOCOLS) + 1
_ESCAPED = frozenset(("PrometheusText1.0.0", "OpenMetricsText1.0.0"))
_MEDIA_TYPES = {
    "text/plain": Format.TEXT,
    "application/openmetrics-text": Format.OPENMETRICS,
    "application/vnd.google.protobuf": Format.PROTOBUF,
}
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'\s*;\s*(?:{_TOKEN}\s*=\s*(?:{_TOKEN}|"(?:[^"\\]|\\.)*")\s*)?'
_CONTENT_TYPE = re.compile(rf"\s*({_TOKEN}(?:/{_TOKEN})?)\s*(?:{_PARAMETER})*\s*")


def accept_header(protocols: Sequence[str], escaping: str = "allow-utf-8") -> str:
    """The Accept value for these scrape protocols, most wanted first.

    Weights fall from 0.6 by 0.1 with a last `*/*`, as Prometheus has them; `escaping` is the metric name escaping
    scheme, told to the formats that know it.
    """
    parts = []
    weight = _FIRST_WEIGHT
    for name in protocols:
        scheme = f";escaping={escaping}" if name in _ESCAPED else ""
        parts.append(f"{PROTOCOLS[name]}{scheme};q=0.{weight}")
        weight -= 1
    parts.append(f"*/*;q=0.{weight}")
    return ",".join(parts)


def choose_format(content_type: str, fallback: str = "") -> Format:
    """The reader for a Content-Type. `fallback` is the name of a scrape protocol, or "" for none.

    Raises ScrapeError in Prometheus' words when the type says nothing usable and there is no fallback.
    """
    match = _CONTENT_TYPE.fullmatch(content_type)
    found = _MEDIA_TYPES.get(match[1].lower()) if match else None
    if found is not None:
        return found
    if fallback:
        return _MEDIA_TYPES[PROTOCOLS[fallback].partition(";")[0]]
    if content_type == "":
        problem = "non-compliant scrape target sending blank Content-Type"
    elif match is None:
        problem = f'received unparsable Content-Type "{content_type}"'
    else:
        problem = f'received unsupported Content-Type "{content_type}"'
    raise ScrapeError(f"{problem} and no fallback_scrape_protocol specified for target")
