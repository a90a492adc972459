"""Numbers and strings as Prometheus (that is, Go) writes them in expressions."""

from __future__ import annotations

import math
import re

from narthex.model.labels import quote

_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_DURATION_TAIL = re.compile(r"[smhdwy]s?(?:[0-9]+[smhdw]s?)*([0-9]*)")
_INTEGER = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*")
_FLOAT = re.compile(
    r"(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?"
)
_SIMPLE_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_NUMERIC_ESCAPES = {"x": (2, 16, 255), "u": (4, 16, 0x10FFFF), "U": (8, 16, 0x10FFFF)}
_RUN = re.compile(r"[^\"'`\\\n]+")


class LiteralError(ValueError):
    """A literal is not well formed; the text is Prometheus' message."""


def quote_char(char: str) -> str:
    """One character as Go's %q writes it: in single quotes, escaped where needed. "" stands for the end of input."""
    if not char:
        return "'\\uffff'"
    if char == "'":
        return "'\\''"
    return "'" + (char if char == '"' else quote(char)[1:-1]) + "'"


def scan_number(text: str, start: int) -> tuple[int, str | None]:
    """The end and kind (NUMBER or DURATION) of a number that begins at `start`; kind None when it is not well formed.

    Then the end is where reading stopped, which is what the error shows. The text may still not be a number: see
    `parse_number`.
    """
    end, good = _scan_number(text, start)
    if good:
        return end, "NUMBER"
    rest = _DURATION_TAIL.match(text, end)
    if rest is None:
        return end, None
    end = rest.end()
    if rest[1]:  # digits without a unit
        return end, None
    if text[end : end + 1] in _ALNUM:
        return end + 1, None
    return end, "DURATION"


def _scan_number(text: str, start: int) -> tuple[int, bool]:
    pos, size, digits = start, len(text), _DIGITS
    if text[pos] == "0":
        pos += 1
        if pos < size and text[pos] in "xX":
            pos += 1
            digits = _HEX
            if pos < size and text[pos] == "_":
                pos += 1
    if pos < size and text[pos] == ".":
        pos += 1
    if pos < size and text[pos] in digits:
        pos += 1
    dot = exponent = False
    while pos < size and (text[pos] in digits or text[pos] in "._eE"):
        char = text[pos]
        pos += 1
        following = text[pos : pos + 1]
        if char == ".":
            if dot:
                return pos, False
            dot = True
            if following and following in "._":
                return pos + 1, False
            if digits is _HEX:
                return pos, False
        elif char in "eE":
            if exponent:
                return pos, False
            exponent = True
            if following and following in "+-":
                pos += 1
                following = text[pos : pos + 1]
            if not following or following in "._eE":
                return pos + len(following), False
        elif char == "_":
            if not following or following in "._eE":
                return pos + len(following), False
        else:
            while pos < size and text[pos] in digits:
                pos += 1
    return pos, pos >= size or text[pos] not in _ALNUM


def parse_number(text: str) -> float:
    """The value: decimal, 0x hexadecimal, 0 octal, exponent, Inf, NaN. LiteralError as Go words it."""
    if text.isdigit() and (text[0] != "0" or text == "0"):
        value = float(text)
        if not math.isinf(value):
            return value
    if len(text) < 64 and _INTEGER.fullmatch(text):
        plain = text.replace("_", "")
        base = 16 if plain[:2] in ("0x", "0X") else 8 if plain[0] == "0" and len(plain) > 1 else 10
        whole = int(plain, base)
        if whole < 2**63:
            return float(whole)
    if text.lower() in ("inf", "nan"):
        return float(text)
    if not _FLOAT.fullmatch(text):
        raise LiteralError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    value = float(text.replace("_", ""))
    if math.isinf(value):
        raise LiteralError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return value


def scan_string(text: str, start: int) -> tuple[int, str]:
    """The end and value of a quoted or raw string. Bytes that are no UTF-8 (from \\x escapes) become surrogates, as
    in Python's surrogateescape. Raises LiteralError."""
    quote_mark = text[start]
    if quote_mark == "`":
        return _scan_raw(text, start)
    out = bytearray()
    pos, size = start + 1, len(text)
    while pos < size:
        run = _RUN.match(text, pos)
        if run is not None:
            out += _encode(run[0])
            pos = run.end()
            continue
        char = text[pos]
        pos += 1
        if char == quote_mark:
            return pos, out.decode(errors="surrogateescape")
        if char == "\n":
            break
        if char == "\\":
            pos = _escape(text, pos, quote_mark, out)
        else:
            out += char.encode()
    raise LiteralError("unterminated quoted string")


def _scan_raw(text: str, start: int) -> tuple[int, str]:
    end = text.find("`", start + 1)
    _encode(text[start + 1 : end if end >= 0 else len(text)])
    if end < 0:
        raise LiteralError("unterminated raw string")
    return end + 1, text[start + 1 : end]


def _encode(text: str) -> bytes:
    if "\ufffd" in text:
        raise LiteralError("invalid UTF-8 rune")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise LiteralError("invalid UTF-8 rune") from None


def _escape(text: str, pos: int, quote_mark: str, out: bytearray) -> int:
    """Decodes the escape whose backslash stands before `pos`; gives the position behind it."""
    char = text[pos : pos + 1]
    if not char:
        raise LiteralError("escape sequence not terminated")
    if char == quote_mark or char in _SIMPLE_ESCAPES:
        out.append(_SIMPLE_ESCAPES.get(char, ord(char)))
        return pos + 1
    if char in "01234567":
        digits, base, limit = 3, 8, 255
    elif char in _NUMERIC_ESCAPES:
        digits, base, limit = _NUMERIC_ESCAPES[char]
        pos += 1
    else:
        raise LiteralError(f"unknown escape sequence {_unicode(char)}")
    code = 0
    for digit in range(pos, pos + digits):
        char = text[digit : digit + 1]
        if not char:
            raise LiteralError("escape sequence not terminated")
        value = int(char, 16) if char in _HEX else 16
        if value >= base:
            raise LiteralError(f"illegal character {_unicode(char)} in escape sequence")
        code = code * base + value
    if code > limit or 0xD800 <= code < 0xE000:
        raise LiteralError("escape sequence is an invalid Unicode code point")
    if limit == 255:
        out.append(code)
    else:
        out += chr(code).encode()
    return pos + digits


def _unicode(char: str) -> str:
    """A character as Go's %#U writes it."""
    return f"U+{ord(char):04X}" + (f" '{char}'" if char.isprintable() else "")
