"""Matchers as Alertmanager's configuration, API and command line write them.

Two grammars exist: the UTF-8 one and the classic one (a regular expression per matcher). As Alertmanager does by
default, both are tried: where only one accepts the text it decides, where both accept but differ the classic one wins.
"""

from __future__ import annotations

import logging
import re

from narthex.errors import MatcherError
from narthex.model.labels import quote
from narthex.model.matcher import Matcher, MatchType

log = logging.getLogger(__name__)

_OPERATORS = ("=~", "!~", "!=", "=")
_BARE_STOP = frozenset("{}!=~,\\\"'`")
_CLASSIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*((?:.|\n)*?)\s*\Z")
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}


def parse_matchers(text: str) -> list[Matcher]:
    """All matchers of a comma-separated list, with or without outer braces. Raises MatcherError."""
    classic = utf8 = None
    classic_error: MatcherError | None = None
    try:
        classic = _parse_classic(text)
    except MatcherError as e:
        classic_error = e
    try:
        utf8 = _Utf8Parser(text).parse()
    except MatcherError:
        if classic is None:
            raise classic_error or MatcherError("unreachable") from None
        log.warning("matchers %s are only valid in the classic grammar; quote the values", text)
        return classic
    if classic is None:
        return utf8
    if classic != utf8:
        log.warning("matchers %s mean different things in the classic and the UTF-8 grammar; classic is used", text)
    return classic


def parse_matcher(text: str) -> Matcher:
    """Exactly one matcher without braces, as in an API filter."""
    if text.startswith("{") or text.endswith("}"):
        raise MatcherError(f"unexpected open or close brace: {text}")
    found = parse_matchers(text)
    if len(found) != 1:
        raise MatcherError(f"expected exactly one matcher, found {len(found)}: {text}")
    return found[0]


def format_matchers(matchers: list[Matcher]) -> str:
    """{a="b",c=~"d"}, sorted by name, value, type."""
    ordered = sorted(matchers, key=lambda m: (m.name, m.value, m.type.value))
    return "{" + ",".join(_format(m) for m in ordered) + "}"


def _format(m: Matcher) -> str:
    value = m.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    reserved = any(c in _BARE_STOP or c.isspace() for c in m.name)
    return f'{quote(m.name) if reserved else m.name}{m.type.value}"{value}"'


def _parse_classic(text: str) -> list[Matcher]:
    body = text.strip()
    if body.startswith("{"):
        body = body[1:]
    if body.endswith("}"):
        body = body[:-1]
    out = []
    for part in _split_classic(body):
        found = _CLASSIC.match(part)
        if found is None:
            raise MatcherError(f"bad matcher format: {part}")
        name, operator, raw = found.groups()
        out.append(Matcher(MatchType(operator), name, _unquote_classic(raw, part)))
    return out


def _split_classic(body: str) -> list[str]:
    parts, current, quoted, escaped = [], "", False, False
    for ch in body:
        if ch == "," and not quoted:
            parts.append(current)
            current, escaped = "", False
            continue
        if ch == '"' and not escaped:
            quoted = not quoted
        escaped = ch == "\\" and not escaped
        current += ch
    if current.strip():
        parts.append(current)
    return parts


def _unquote_classic(raw: str, whole: str) -> str:
    if raw.startswith('"'):
        raw = raw[1:]
        closed = raw.endswith('"') and not (raw.endswith('\\"') and not raw.endswith('\\\\"'))
        if not closed:
            raise MatcherError(f"matcher value contains unescaped double quote: {whole}")
        raw = raw[:-1]
    out, i = [], 0
    while i < len(raw):
        ch = raw[i]
        following = raw[i + 1 : i + 2]
        if ch == "\\" and following in ("n", '"', "\\") and following:
            out.append("\n" if following == "n" else following)
            i += 2
            continue
        if ch == '"':
            raise MatcherError(f"matcher value contains unescaped double quote: {whole}")
        out.append(ch)
        i += 1
    return "".join(out)


class _Utf8Parser:
    def __init__(self, text: str) -> None:
        self.text, self.i = text, 0

    def parse(self) -> list[Matcher]:
        self._space()
        braced = self._take("{")
        out: list[Matcher] = []
        while True:
            self._space()
            if self.i == len(self.text) or self.text[self.i] == "}":
                break
            out.append(self._matcher())
            self._space()
            if not self._take(","):
                break
        closed = self._take("}")
        self._space()
        if braced != closed or self.i != len(self.text):
            raise self._error("unexpected input")
        return out

    def _matcher(self) -> Matcher:
        name = self._word("label name")
        self._space()
        for operator in _OPERATORS:
            if self._take(operator):
                break
        else:
            raise self._error("expected one of '=', '!=', '=~', or '!~'")
        self._space()
        value = self._word("value")
        return Matcher(MatchType(operator), name, value)

    def _word(self, what: str) -> str:
        if self.text.startswith('"', self.i):
            return self._quoted()
        start = self.i
        while self.i < len(self.text) and self.text[self.i] not in _BARE_STOP and not self.text[self.i].isspace():
            self.i += 1
        if start == self.i:
            raise self._error(f"expected {what}")
        return self.text[start : self.i]

    def _quoted(self) -> str:
        self.i += 1
        out: list[str] = []
        while self.i < len(self.text):
            ch = self.text[self.i]
            self.i += 1
            if ch == '"':
                return "".join(out)
            if ch == "\n":
                break
            out.append(self._escape() if ch == "\\" else ch)
        raise self._error('missing end "')

    def _escape(self) -> str:
        ch = self.text[self.i : self.i + 1]
        self.i += 1
        if ch in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[ch]
        width = {"x": 2, "u": 4, "U": 8}.get(ch, 0)
        digits = self.text[self.i : self.i + width]
        if not width or len(digits) != width:
            raise self._error("invalid escape")
        self.i += width
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise self._error("invalid escape") from None

    def _space(self) -> None:
        while self.i < len(self.text) and self.text[self.i].isspace():
            self.i += 1

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.i):
            self.i += len(token)
            return True
        return False

    def _error(self, message: str) -> MatcherError:
        return MatcherError(f"{self.i}: {message} in matchers {self.text!r}")
