"""RE2 regular expressions, always fully anchored, dot matches newline: the only kind Prometheus has.

Shapes that need no engine (literal, alternation of literals, prefix, suffix, contains, anything) are answered by
string operations; `literals` and `prefix` let storage turn a match into look-ups, `matching` asks many values at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import re2
from numpy.typing import NDArray

from narthex.errors import MatcherError
from narthex.model.wildcards import Alternative, Gap, alternatives, columns, is_literal
from narthex.native import ValueTexts

BREAK = b"\n\xff\n"
"""What stands between values in the text of a ValueTexts."""

_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 * 1024 * 1024  # a long alternation of names must compile
_MANY_OPTIONS = re2.Options()
_MANY_OPTIONS.log_errors = False
_MANY_OPTIONS.max_mem = 64 * 1024 * 1024
_MANY_OPTIONS.never_capture = True
_MOST_WILDCARDS = 64  # more alternatives with gaps are quicker in one automaton
# What would see the neighbours of a value in a text of many: ends of the text, any byte, multi-line mode switched,
# a quotation that may not end.
_NOT_IN_MANY = re.compile(r"\\[AzCQ]|\(\?[a-zA-Z]*-?[a-zA-Z]*m")


class Regex:
    """A compiled, anchored pattern.

    `literals` is the complete list of matching strings, in pattern order, or None when the set is not finite or
    not obvious. `prefix` is text that every match starts with (maybe empty). `wildcards` are alternatives of literals
    and gaps that match the same (`native.ValueTexts.matching` takes them), or None.
    """

    __slots__ = ("_compiled", "_many", "_shape", "_text", "literals", "pattern", "prefix", "wildcards")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.literals: list[str] | None = None
        self.prefix = ""
        self.wildcards: list[tuple[list[str], list[int]]] | None = None
        self._shape, self._text = "re2", ""
        self._compiled: Any = None
        self._many: Any = None
        self._classify()
        if self._shape == "re2":
            self._compiled = _compile(pattern)

    def _classify(self) -> None:
        found = [(self.pattern,)] if not _SPECIAL & set(self.pattern) else alternatives(self.pattern)
        if found is None:
            self.prefix = _plain_start(self.pattern)
        elif all(map(is_literal, found)):
            self.literals = ["".join(map(str, alternative)) for alternative in found]
            self._shape, self._text = "literal" if len(found) == 1 else "set", self.literals[0]
            self.prefix = _common_start(self.literals)
        else:
            self.prefix = _common_start([a[0] if a and isinstance(a[0], str) else "" for a in found])
            if len(found) <= _MOST_WILDCARDS:
                self.wildcards = [columns(alternative) for alternative in found]
            if len(found) == 1:
                self._shape, self._text = _shape(found[0])

    def matching(self, texts: ValueTexts, *, negate: bool = False) -> NDArray[np.uint32]:
        """The ids of the values that match, ascending; with `negate` of those that do not.

        The values are matched together: there is no Python call a value (but for those that hold a newline).
        """
        if self.wildcards is not None:
            return texts.matching(self.wildcards, negate)
        odd = np.array([number for number, value in texts.odd() if self.fullmatch(value)], np.uint32)
        return texts.within(self._spans(texts.text()), odd, negate)

    def _spans(self, text: bytes) -> NDArray[np.int64]:
        """Starts and ends of runs of values that match, in the text of a ValueTexts."""
        if self._many is None:
            self._many = _compile_many(self.pattern)
        if self._many is not False:
            return np.fromiter((at for match in self._many.finditer(text) for at in match.span()), np.int64)
        spans: list[int] = []
        at = 0
        for value in text.split(BREAK)[:-1]:
            end = at + len(value) + len(BREAK)
            if self.fullmatch(value.decode()):
                spans += (at, end)
            at = end
        return np.array(spans, np.int64)

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text matches."""
        match self._shape:
            case "literal":
                return text == self._text
            case "any":
                return True
            case "some":
                return text != ""
            case "prefix":
                return text.startswith(self._text)
            case "suffix":
                return text.endswith(self._text)
            case "contains":
                return self._text in text
            case "set":
                assert self.literals is not None
                return text in self.literals
            case _:
                return self._compiled.fullmatch(text) is not None

    def check(self) -> None:
        """Raises MatcherError unless RE2 itself takes the pattern (shapes are answered without asking it)."""
        if self._compiled is None:
            self._compiled = _compile(self.pattern)

    def expand(self, text: str, template: str, hold: Callable[[int], None] | None = None) -> str | None:
        """`template` with $1, ${1}, $name and ${name} replaced by groups of the match, or None without a match.

        `hold` is told the size of the result (characters) before it is made, and may raise.
        """
        self.check()
        match = self._compiled.fullmatch(text)
        return None if match is None else _expand(template, match, hold)

    def expand_all(self, text: str, templates: Sequence[str]) -> list[str] | None:
        """`expand` for several templates over one match."""
        self.check()
        match = self._compiled.fullmatch(text)
        if match is None:
            return None
        return [_expand(template, match) if "$" in template else template for template in templates]


@lru_cache(maxsize=4096)
def compile_regex(pattern: str) -> Regex:
    """A shared Regex. Raises MatcherError with RE2's own message."""
    return Regex(pattern)


def _common_start(texts: Sequence[str]) -> str:
    least, greatest = min(texts), max(texts)
    size = next((i for i, (a, b) in enumerate(zip(least, greatest, strict=False)) if a != b), len(least))
    return least[:size]


def _plain_start(pattern: str) -> str:
    """Text that every match of any pattern starts with."""
    head: list[str] = []
    for i, ch in enumerate(pattern):
        if ch in _SPECIAL:
            if ch in "?*{" and head:
                head.pop()
            if ch == "|" or "|" in pattern[i:]:
                head = []
            break
        head.append(ch)
    return "".join(head)


def _shape(alternative: Alternative) -> tuple[str, str]:
    """How to match one alternative with gaps, and its text."""
    match alternative:
        case (Gap.ANY,):
            return "any", ""
        case (Gap.SOME,):
            return "some", ""
        case (str(text), Gap.ANY):
            return "prefix", text
        case (Gap.ANY, str(text)):
            return "suffix", text
        case (Gap.ANY, str(text), Gap.ANY):
            return "contains", text
    return "re2", ""


def _compile(pattern: str) -> Any:
    if ")" in pattern:
        _compile_plain(pattern)  # a)(b is balanced only inside the parentheses that anchor it
    return _compile_plain(f"(?s:{pattern})", pattern)


def _compile_many(pattern: str) -> Any:
    """Matches runs of whole values in the text of a ValueTexts, break included; False where that cannot be had."""
    if _NOT_IN_MANY.search(pattern):
        return False
    try:
        return re2.compile(rf"(?ms:(?:^(?:{pattern})$\n\C\n)+)", _MANY_OPTIONS)
    except re2.error:
        return False  # twice the size was too large


def _compile_plain(text: str, shown: str = "") -> Any:
    pattern = shown or text
    try:
        return re2.compile(text, _OPTIONS)
    except re2.error as e:
        reason = e.args[0] if e.args else "?"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise MatcherError(f"invalid regular expression {pattern!r}: {text}") from None


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """A template as literal text and (True) names of groups."""
    out: list[tuple[str, bool]] = []
    i, n = 0, len(template)
    while i < n:
        if template[i] != "$":
            j = template.find("$", i)
            j = n if j < 0 else j
            out.append((template[i:j], False))
            i = j
            continue
        if template.startswith("$$", i):
            out.append(("$", False))
            i += 2
            continue
        braced = template.startswith("${", i)
        start = i + (2 if braced else 1)
        end = start
        while end < n and (template[end].isalpha() or template[end].isdecimal() or template[end] == "_"):
            end += 1
        name = template[start:end]
        if not name or (braced and not template.startswith("}", end)):
            out.append(("$", False))
            i += 1
            continue
        out.append((name, True))
        i = end + 1 if braced else end
    return tuple(out)


def _expand(template: str, match: Any, hold: Callable[[int], None] | None = None) -> str:
    """`hold` is told the size (characters) before the text is made, and may raise."""
    pieces = _pieces(template)
    groups = {name: _group(match, name) for name in {text for text, is_group in pieces if is_group}}
    if hold is not None:
        hold(sum(len(groups[text]) if is_group else len(text) for text, is_group in pieces))
    return "".join([groups[text] if is_group else text for text, is_group in pieces])


def _group(match: Any, name: str) -> str:
    """A group by number (ASCII digits, no leading zero) or by name; "" when there is none or it took no part."""
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0"):
        index = int(name) if len(name) < 9 else -1
        return (match.group(index) or "") if 0 <= index <= match.re.groups else ""
    return match.groupdict().get(name) or ""


@lru_cache(maxsize=1024)
def _unanchored(pattern: str) -> Any:
    return _compile_plain(pattern)


def search(pattern: str, text: str) -> bool:
    """Whether a plain (unanchored) RE2 pattern occurs in the text, as templates want it. Raises MatcherError."""
    return _unanchored(pattern).search(text) is not None


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Every match of a plain RE2 pattern replaced; $1 and ${name} stand for groups. Raises MatcherError.

    An empty match right after another match does not count, as in Go.
    """
    compiled = _unanchored(pattern)
    out: list[str] = []
    at = last = 0
    end = -1
    while at <= len(text):
        match = compiled.search(text, at)
        if match is None:
            break
        start, stop = match.span()
        if stop > start or start != end:
            out.append(text[last:start])
            out.append(_expand(replacement, match))
            last = stop
        end = stop
        at = stop if stop > start else stop + 1
    out.append(text[last:])
    return "".join(out)
