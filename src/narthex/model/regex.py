"""RE2 regular expressions, always fully anchored, dot matches newline: the only kind Prometheus has.

Shapes that need no engine (literal, alternation of literals, prefix, suffix, contains, anything) are answered by
string operations; `literals` and `prefix` let storage turn a match into look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import re2

from narthex.errors import MatcherError

_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 * 1024 * 1024  # a long alternation of names must compile


class Regex:
    """A compiled, anchored pattern.

    `literals` is the complete list of matching strings, in pattern order, or None when the set is not finite or
    not obvious. `prefix` is text that every match starts with (maybe empty).
    """

    __slots__ = ("_compiled", "_shape", "_text", "literals", "pattern", "prefix")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.literals: list[str] | None = None
        self.prefix = ""
        self._shape, self._text = "re2", ""
        self._compiled: Any = None
        self._classify()
        if self._shape == "re2":
            self._compiled = _compile(pattern)

    def _classify(self) -> None:
        p = self.pattern
        if not _SPECIAL & set(p):
            self._shape, self._text, self.literals, self.prefix = "literal", p, [p], p
        elif p in (".*", "(.*)"):
            self._shape = "any"
        elif p in (".+", "(.+)"):
            self._shape = "some"
        elif p.endswith(".*") and not _SPECIAL & set(p[:-2]):
            self._shape, self._text, self.prefix = "prefix", p[:-2], p[:-2]
        elif p.startswith(".*") and not _SPECIAL & set(p[2:]):
            self._shape, self._text = "suffix", p[2:]
        elif len(p) > 4 and p.startswith(".*") and p.endswith(".*") and not _SPECIAL & set(p[2:-2]):
            self._shape, self._text = "contains", p[2:-2]
        else:
            body = p[1:-1] if p.startswith("(") and p.endswith(")") else p
            if not (_SPECIAL - {"|"}) & set(body):
                self.literals = list(dict.fromkeys(body.split("|")))
                self._shape = "set"
            else:
                head: list[str] = []
                for i, ch in enumerate(p):
                    if ch in _SPECIAL:
                        if ch in "?*{" and head:
                            head.pop()
                        if ch == "|" or "|" in p[i:]:
                            head = []
                        break
                    head.append(ch)
                self.prefix = "".join(head)

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

    def expand(self, text: str, template: str) -> str | None:
        """`template` with $1, ${1}, $name and ${name} replaced by groups of the match, or None without a match."""
        expanded = self.expand_all(text, (template,))
        return None if expanded is None else expanded[0]

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


def _compile(pattern: str) -> Any:
    return _compile_plain(f"(?s:{pattern})", pattern)


def _compile_plain(text: str, shown: str = "") -> Any:
    pattern = shown or text
    try:
        return re2.compile(text, _OPTIONS)
    except re2.error as e:
        reason = e.args[0] if e.args else "?"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise MatcherError(f"invalid regular expression {pattern!r}: {text}") from None


def _expand(template: str, match: Any) -> str:
    out: list[str] = []
    i, n = 0, len(template)
    while i < n:
        if template[i] != "$":
            j = template.find("$", i)
            j = n if j < 0 else j
            out.append(template[i:j])
            i = j
            continue
        if template.startswith("$$", i):
            out.append("$")
            i += 2
            continue
        braced = template.startswith("${", i)
        start = i + (2 if braced else 1)
        end = start
        while end < n and (template[end].isalpha() or template[end].isdecimal() or template[end] == "_"):
            end += 1
        name = template[start:end]
        if not name or (braced and not template.startswith("}", end)):
            out.append("$")
            i += 1
            continue
        out.append(_group(match, name))
        i = end + 1 if braced else end
    return "".join(out)


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
