"""Regular expressions that are only literals, alternations and `.*` or `.+`, multiplied out into alternatives.

Most of those that people write are of this kind: sets of names, prefixes, suffixes, a text anywhere, and mixtures. They
are matched without an engine, in the core over many values at once (`core/labels/wildcards.h`).
"""

from __future__ import annotations

import re
from enum import IntEnum


class Gap(IntEnum):
    """Text of any kind between two literals."""

    NONE = 0
    ANY = 1  # .*
    SOME = 2  # .+


Alternative = tuple[str | Gap, ...]
"""Literals and gaps in turn; () is the empty text."""

MOST_ALTERNATIVES = 10_000
_MOST_WORK = 200_000  # parts put together; a short pattern can ask for any number
_MOST_IN_A_CLASS = 16
# An escape of a letter or digit has a meaning of its own; any other stands for its character.
_TOKEN = re.compile(r"\\[!-/:-@\[-`{-~]|\.[*+]\??|\(\?:|[()|?]|\[[0-9A-Za-z_.:/-]+\]|[^\\.+*?()|\[\]{}^$]+", re.DOTALL)
_QUANTIFIERS = ("?", "*", "+", "{")
_RANGE = re.compile(r"([0-9])-([0-9])|([a-z])-([a-z])|([A-Z])-([A-Z])")


class _NotPlain(Exception):
    pass


def alternatives(pattern: str) -> list[Alternative] | None:
    """What an anchored, dot-all pattern matches, each text by one of the alternatives; None for other patterns."""
    try:
        parser = _Parser(pattern)
        found = parser.alternation()
        if parser.at != len(pattern):
            return None
    except _NotPlain:
        return None
    return list(dict.fromkeys(found))


def is_literal(alternative: Alternative) -> bool:
    return all(isinstance(part, str) for part in alternative)


def columns(alternative: Alternative) -> tuple[list[str], list[int]]:
    """Literals, and the gaps before, between and behind them: the form of the core."""
    literals: list[str] = []
    gaps = [0]
    for part in alternative:
        if isinstance(part, str):
            literals.append(part)
            gaps.append(0)
        else:
            gaps[-1] = int(part)
    return literals, gaps


class _Parser:
    """Recursive descent. Raises _NotPlain on anything else than the plain kind."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0
        self._depth = self._work = 0

    def alternation(self) -> list[Alternative]:
        found = self._sequence()
        while self._take("|"):
            found += self._sequence()
            if len(found) > MOST_ALTERNATIVES:
                raise _NotPlain
        return found

    def _sequence(self) -> list[Alternative]:
        # Anchors at the outer ends say what holds anyway.
        if self._depth == 0:
            self._take("^")
        found: list[Alternative] = [()]
        while (choices := self._item()) is not None:
            wanted = len(found) * len(choices)
            self._work += wanted
            if wanted > MOST_ALTERNATIVES or self._work > _MOST_WORK:
                raise _NotPlain
            found = [_joined(a, b) for a in found for b in choices]
        if self._depth == 0 and self._take("$") and self.pattern[self.at : self.at + 1] not in ("", "|"):
            raise _NotPlain
        return found

    def _item(self) -> list[Alternative] | None:
        """The choices of the next part of a sequence; None at its end."""
        if self.at == len(self.pattern) or self.pattern[self.at] in "|)$":
            return None
        token = _TOKEN.match(self.pattern, self.at)
        if token is None:
            raise _NotPlain
        text = token.group()
        quantified = self.pattern[token.end() : token.end() + 1] in _QUANTIFIERS
        if quantified and len(text) > 1 and text[0] not in "\\.([":
            text = text[:-1]  # the quantifier belongs to the last character alone
            quantified = False
        self.at += len(text)
        choices = self._choices(text)
        if text in ("(", "(?:"):
            quantified = self.pattern[self.at : self.at + 1] in _QUANTIFIERS
        if quantified:
            if text[0] == "." or not self._take("?") or self.pattern[self.at : self.at + 1] in _QUANTIFIERS:
                raise _NotPlain
            choices = [*choices, ()]
        return choices

    def _choices(self, text: str) -> list[Alternative]:
        match text[0]:
            case "\\":
                return [(text[1],)]
            case ".":
                return [(Gap.ANY if text[1] == "*" else Gap.SOME,)]
            case "(":
                return self._group(text)
            case "[":
                return [(c,) for c in _members(text[1:-1])]
            case "?":
                raise _NotPlain
            case _:
                return [(text,)]

    def _group(self, opening: str) -> list[Alternative]:
        if opening == "(" and self.pattern.startswith("?", self.at):
            raise _NotPlain  # flags or a name
        if self._depth == 50:
            raise _NotPlain
        self._depth += 1
        found = self.alternation()
        self._depth -= 1
        if not self._take(")"):
            raise _NotPlain
        return found

    def _take(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True


def _members(text: str) -> list[str]:
    """The characters of a small class."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if (span := _RANGE.match(text, at)) is not None:
            low, high = (end for end in span.groups() if end is not None)
            found += (chr(c) for c in range(ord(low), ord(high) + 1))
            at = span.end()
        elif text[at] == "-":
            raise _NotPlain
        else:
            found.append(text[at])
            at += 1
    if not 0 < len(found) <= _MOST_IN_A_CLASS:
        raise _NotPlain
    return found


def _joined(a: Alternative, b: Alternative) -> Alternative:
    if not a or not b:
        return a or b
    left, right = a[-1], b[0]
    if isinstance(left, str) and isinstance(right, str):
        return (*a[:-1], left + right, *b[1:])
    if isinstance(left, Gap) and isinstance(right, Gap):
        if left is Gap.SOME and right is Gap.SOME:
            raise _NotPlain  # two characters at least
        return (*a[:-1], max(left, right), *b[1:])
    return a + b
