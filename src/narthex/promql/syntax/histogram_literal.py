"""Native histograms as test scripts write them: {{schema:0 sum:5 count:4 buckets:[1 2 1]}}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from narthex.promql.syntax.literals import LiteralError, parse_number

CUSTOM_BUCKETS = -53
"""The schema of histograms with bounds of their own."""

_PAIR = re.compile(r"\s*([A-Za-z_]+):(\[[^\]]*\]|[^\s\[\]]+)")
HINTS = ("unknown", "reset", "not_reset", "gauge")
"""What may be known about a counter reset; the index is the number under which storage keeps it."""
_KEYS = frozenset(
    {
        "schema",
        "sum",
        "count",
        "z_bucket",
        "z_bucket_w",
        "custom_values",
        "buckets",
        "offset",
        "n_buckets",
        "n_offset",
        "counter_reset_hint",
    }
)


@dataclass(frozen=True, slots=True)
class HistogramLiteral:
    """A float histogram. `positive` and `negative` are counts by bucket index.

    `hint` tells what is known about a counter reset, one of HINTS; `hint_written` whether a script says so itself, so
    that a comparison minds it.
    """

    schema: int = 0
    sum: float = 0.0
    count: float = 0.0
    zero_count: float = 0.0
    zero_threshold: float = 0.0
    custom_values: tuple[float, ...] = ()
    positive: tuple[tuple[int, float], ...] = ()
    negative: tuple[tuple[int, float], ...] = ()
    hint: str = "unknown"
    hint_written: bool = False

    def plus(self, other: HistogramLiteral, factor: float = 1.0) -> HistogramLiteral:
        """This with `factor` times the other added; the other is brought to this schema. Raises LiteralError.

        The other's hint is the one that counts as written.
        """
        if self.schema > other.schema:
            raise LiteralError(f"error combining histograms: cannot merge from schema {other.schema} to {self.schema}")
        if self.zero_threshold != other.zero_threshold or self.custom_values != other.custom_values:
            raise LiteralError("histograms in a sequence must share zero bucket width and custom values")
        return replace(
            self,
            sum=self.sum + factor * other.sum,
            count=self.count + factor * other.count,
            zero_count=self.zero_count + factor * other.zero_count,
            positive=_combine(self.positive, other.reduced(self.schema).positive, factor),
            negative=_combine(self.negative, other.reduced(self.schema).negative, factor),
            hint=_joint_hint(self.hint, other.hint),
            hint_written=other.hint_written,
        )

    def reduced(self, schema: int) -> HistogramLiteral:
        """The same at a coarser exponential schema."""
        shift = self.schema - schema
        if shift == 0:
            return self
        return replace(
            self,
            schema=schema,
            positive=_combine((), [(((i - 1) >> shift) + 1, n) for i, n in self.positive], 1.0),
            negative=_combine((), [(((i - 1) >> shift) + 1, n) for i, n in self.negative], 1.0),
        )


def _joint_hint(left: str, right: str) -> str:
    """A gauge makes all a gauge; what is unknown or contradicts itself is unknown."""
    if left == right or left == "gauge":
        return left
    return right if right == "gauge" else "unknown"


def _combine(
    left: tuple[tuple[int, float], ...], right: tuple[tuple[int, float], ...] | list[tuple[int, float]], factor: float
) -> tuple[tuple[int, float], ...]:
    counts = dict(left)
    for index, count in right:
        counts[index] = counts.get(index, 0.0) + factor * count
    return tuple(sorted(counts.items()))


def parse_histogram(text: str) -> HistogramLiteral:
    """What stands between the double braces. Raises LiteralError."""
    fields: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        pair = _PAIR.match(text, at)
        if pair is None:
            raise LiteralError(f"bad histogram descriptor found: {text[at:].strip()!r}")
        key = pair[1].lower()
        if key not in _KEYS:
            raise LiteralError(f'bad histogram descriptor found: "{pair[1]}"')
        if key in fields:
            raise LiteralError(f'duplicate key "{key}" in histogram')
        fields[key] = pair[2]
        at = pair.end()
    hint = fields.get("counter_reset_hint")
    if hint is not None and hint not in HINTS:
        raise LiteralError(f'bad histogram descriptor found: "{hint}"')
    return HistogramLiteral(
        schema=_whole(fields, "schema"),
        sum=_number(fields.get("sum", "0")),
        count=_number(fields.get("count", "0")),
        zero_count=_number(fields.get("z_bucket", "0")),
        zero_threshold=_number(fields.get("z_bucket_w", "0")),
        custom_values=_numbers(fields.get("custom_values", "[]")),
        positive=_buckets(fields, "buckets", "offset"),
        negative=_buckets(fields, "n_buckets", "n_offset"),
        hint=hint or "unknown",
        hint_written=hint is not None,
    )


def _whole(fields: Mapping[str, str], key: str) -> int:
    text = fields.get(key, "0")
    try:
        return int(text)
    except ValueError:
        raise LiteralError(f"error parsing {key} number: {text}") from None


def _number(text: str) -> float:
    sign = -1.0 if text.startswith("-") else 1.0
    return sign * parse_number(text[1:] if text[:1] in ("+", "-") else text)


def _numbers(text: str) -> tuple[float, ...]:
    if not text.startswith("["):
        raise LiteralError(f"expected a list in brackets, got {text}")
    return tuple(_number(item) for item in text[1:-1].split())


def _buckets(fields: Mapping[str, str], key: str, offset_key: str) -> tuple[tuple[int, float], ...]:
    offset = _whole(fields, offset_key)
    return tuple(enumerate(_numbers(fields.get(key, "[]")), offset))
