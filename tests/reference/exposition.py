"""The obvious reading of the text exposition formats: the twin of core/text. Slow, one character class at a time."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from decimal import Decimal

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
SPECIAL = {"inf": float("inf"), "infinity": float("inf")}
TEXT_TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("_count", "_sum", "_created"),
    "info": ("_info",),
}
OM_TYPES = {"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"}


Metric = frozenset[tuple[str, str]]


class Malformed(Exception):
    """The body is not valid; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@dataclass
class Exemplar:
    labels: dict[str, str]
    value: float
    timestamp: int | None  # milliseconds


@dataclass
class Sample:
    text: str  # the series as it stands in the body
    labels: dict[str, str]
    value: float
    timestamp: int | None  # milliseconds
    family: str  # of the newest TYPE line when the sample may be one of it, else its own name
    exemplar: Exemplar | None = None
    start: int = 0  # milliseconds, 0: unknown


@dataclass
class Parsed:
    samples: list[Sample] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    helps: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


def parse(body: bytes, openmetrics: bool = False) -> Parsed:
    """Raises Malformed. Bytes that are no UTF-8 are refused where they would be stored, as lone surrogates here."""
    return _Reader(body.decode("utf-8", "surrogateescape"), openmetrics).read()


def with_starts(parsed: Parsed) -> Parsed:
    """Of an OpenMetrics body: _created lines of counters, histograms and summaries as start times of their metrics."""
    created: dict[tuple[str, Metric], int] = {}
    kept = []
    for sample in parsed.samples:
        may = parsed.types.get(sample.family) in ("counter", "histogram", "summary")
        if may and sample.labels["__name__"] == f"{sample.family}_created":
            created[sample.family, metric_of(sample)] = int(sample.value * 1000)
        else:
            kept.append(sample)
    for sample in kept:
        sample.start = created.get((sample.family, metric_of(sample)), 0)
    return Parsed(kept, parsed.types, parsed.helps, parsed.units)


def metric_of(sample: Sample) -> Metric:
    return frozenset((n, v) for n, v in sample.labels.items() if n not in ("__name__", "le", "quantile"))


def parse_float(text: str) -> float:
    """Go's decimal floats. Raises ValueError."""
    bare = text.lower().lstrip("+-") if text[:1] in ("+", "-") and text[1:2] not in ("+", "-") else text.lower()
    if bare in SPECIAL:
        return -SPECIAL[bare] if text[0] == "-" else SPECIAL[bare]
    if text.lower() == "nan":
        return float("nan")
    if not DECIMAL.fullmatch(text):
        raise ValueError(f"no number: {text!r}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"out of range: {text}")
    return value


def openmetrics_float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    shortest = Decimal(repr(value)).normalize()
    first, *rest = map(str, shortest.as_tuple().digits)
    if not -4 <= shortest.adjusted() < 6:
        mantissa = first + ("." if rest else "") + "".join(rest)
        return f"{'-' if value < 0 else ''}{mantissa}e{shortest.adjusted():+03d}"
    text = repr(value)
    return text if "." in text else text + ".0"


def unescape(raw: str, quotes: bool = True) -> str:
    return re.sub(r'\\(["\\n])' if quotes else r"\\([\\n])", lambda m: "\n" if m[1] == "n" else m[1], raw)


class _Reader:
    def __init__(self, body: str, openmetrics: bool) -> None:
        self.body, self.om, self.at = body, openmetrics, 0
        self.out, self.type, self.family = Parsed(), "", ""

    def fail(self, reason: str) -> Malformed:
        return Malformed(self.body.count("\n", 0, self.at) + 1, reason)

    def blanks(self) -> None:
        while not self.om and self.peek() in (" ", "\t"):
            self.at += 1

    def peek(self) -> str:
        return self.body[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.body, self.at)
        if not match:
            return ""
        self.at = match.end()
        return match[0]

    def read(self) -> Parsed:
        while self.at < len(self.body):
            self.blanks()
            if self.peek() == "":
                break
            if self.peek() == "\n" and not self.om:
                self.at += 1
            elif self.peek() == "#":
                if self.comment():
                    return self.out
            else:
                self.sample()
        if self.om:
            raise self.fail("no # EOF")
        return self.out

    def comment(self) -> bool:
        end = self.body.find("\n", self.at)
        ended = end >= 0
        end = end if ended else len(self.body)
        line = self.body[self.at : end]
        after = end + 1 if ended else end
        if self.om and line == "# EOF":
            if after != len(self.body):
                self.at = after
                raise self.fail("data after # EOF")
            return True
        pattern = r"# (HELP|TYPE|UNIT) (.*)" if self.om else r"#[ \t]+(HELP|TYPE)[ \t][ \t]*(.*)"
        match = re.fullmatch(pattern, line, re.DOTALL)
        if match:
            self.metadata(match[1], match[2])
        if self.om and (not match or not ended):
            raise self.fail("no metadata line")
        self.at = after
        return False

    def metadata(self, keyword: str, rest: str) -> None:
        if rest.startswith('"'):
            match = re.match(r'"((?:\\.|[^"\\])*)"', rest, re.DOTALL)
            family = unescape(match[1]) if match else ""
        else:
            match = NAME.match(rest)
            family = match[0] if match else ""
        if not match or not family:
            raise self.fail("no metric name")
        tail = rest[match.end() :]
        if self.om and not tail.startswith(" "):
            raise self.fail("no text")
        text = tail[1:]
        _check_utf8(self, family, text)
        if keyword == "TYPE":
            text = text if self.om else text.strip(" \t")
            if text not in (OM_TYPES if self.om else TEXT_TYPES):
                raise self.fail(f"unknown type {text}")
            self.type = "unknown" if text == "untyped" else text
            self.out.types[family], self.family = self.type, family
        elif keyword == "HELP":
            self.out.helps[family] = unescape(text, quotes=False)
        else:
            if text and not family.endswith("_" + text):
                raise self.fail("unit is no suffix")
            self.out.units[family] = text

    def sample(self) -> None:
        start = self.at
        pairs: list[tuple[str, str]] = []
        name = self.take(NAME)
        if name:
            pairs.append(("__name__", name))
        mark = self.at
        self.blanks()
        if self.peek() == "{":
            self.labels(pairs, bool(name))
        else:
            self.at = mark
            if not name:
                raise self.fail("no metric name")
        text = self.body[start : self.at]
        labels = dict(pairs)
        if len(labels) != len(pairs):
            self.at = start
            raise self.fail("label twice")
        if not labels.get("__name__"):
            self.at = start
            raise self.fail("no metric name")
        for kind, label in (("histogram", "le"), ("summary", "quantile")):
            if self.type == kind and label in labels:
                with contextlib.suppress(ValueError):
                    labels[label] = openmetrics_float(parse_float(labels[label]))
        value, timestamp, exemplar = self.value_and_rest()
        metric = labels["__name__"]
        suffixes = SUFFIXES.get(self.type, ()) if self.family else ()
        family = self.family if metric in {self.family + suffix for suffix in ("", *suffixes)} else metric
        self.out.samples.append(Sample(text, labels, value, timestamp, family, exemplar))

    def labels(self, pairs: list[tuple[str, str]], named: bool, exemplar: bool = False) -> None:
        self.at += 1
        self.blanks()
        while self.peek() != "}":
            quoted = self.peek() == '"'
            name = self.quoted() if quoted else self.take(LABEL)
            self.blanks()
            if self.peek() == "=" and name:
                self.at += 1
                self.blanks()
                if self.peek() != '"':
                    raise self.fail("no value")
                pairs.append((name, self.quoted()))
            elif quoted and name and not named and not exemplar and self.peek() in (",", "}"):
                pairs.append(("__name__", name))
                named = True
            else:
                raise self.fail("no label")
            self.blanks()
            if self.peek() == ",":
                self.at += 1
                self.blanks()
            elif self.peek() != "}":
                raise self.fail("no comma")
        self.at += 1

    def quoted(self) -> str:
        any_char = r"(?:\\[\s\S]|[^\"\\\n])*" if self.om else r"(?:\\[\s\S]|[^\"\\])*"
        match = re.compile(f'"({any_char})"').match(self.body, self.at)
        if not match:
            raise self.fail("no closing quote")
        _check_utf8(self, match[1])
        self.at = match.end()
        return unescape(match[1])

    def value_and_rest(self) -> tuple[float, int | None, Exemplar | None]:
        if self.om:
            if self.peek() != " ":
                raise self.fail("no space before the value")
            self.at += 1
        self.blanks()
        value = self.number()
        timestamp: int | None = None
        exemplar: Exemplar | None = None
        if self.om:
            if self.peek() == " " and self.body[self.at + 1 : self.at + 2] not in ("#", ""):
                self.at += 1
                timestamp = self.seconds()
            if self.peek() not in ("", "\n"):
                exemplar = self.exemplar()
        else:
            self.blanks()
            digits = self.take(re.compile("[0-9]+"))
            if digits:
                timestamp = int(digits)
                if timestamp >= 2**63:
                    raise self.fail("timestamp out of range")
            self.blanks()
        if self.peek() != "\n" and (self.om or self.peek() != ""):
            raise self.fail("no end of line")
        self.at += 1
        return value, timestamp, exemplar

    def exemplar(self) -> Exemplar:
        if not self.body.startswith(" # {", self.at):
            raise self.fail("no exemplar")
        self.at += 3
        pairs: list[tuple[str, str]] = []
        self.labels(pairs, named=False, exemplar=True)
        if self.peek() != " ":
            raise self.fail("no exemplar value")
        self.at += 1
        value = self.number()
        timestamp = None
        if self.peek() == " ":
            self.at += 1
            timestamp = self.seconds()
        return Exemplar(dict(pairs), value, timestamp)

    def number(self) -> float:
        text = re.compile(r"[^ \n]*" if self.om else r"[^ \t\n{]*").match(self.body, self.at)[0]
        try:
            value = parse_float(text)
        except ValueError as e:
            raise self.fail(str(e)) from None
        self.at += len(text)
        return value

    def seconds(self) -> int:
        ms = self.number() * 1000
        if not -(2**63) < ms < 2**63:
            raise self.fail("timestamp out of range")
        return int(ms)


def _check_utf8(reader: _Reader, *texts: str) -> None:
    for text in texts:
        if any("\udc80" <= c <= "\udcff" for c in text):
            raise reader.fail("invalid UTF-8")
