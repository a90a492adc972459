"""Text to tokens, all at once. The list ends with an EOF token, or with an ERROR token that holds the message.

A lexical error is a token because a syntax error further left must be reported first. Token kinds are the operator or
keyword itself in lower case, or one of the upper-case names below. Positions are byte offsets.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import accumulate
from typing import NamedTuple

from narthex.promql.syntax.literals import LiteralError, quote_char, scan_number, scan_string
from narthex.promql.syntax.words import DURATION_WORDS, KEYWORDS

EOF, ERROR = "EOF", "ERROR"
IDENTIFIER, METRIC_IDENTIFIER = "IDENTIFIER", "METRIC_IDENTIFIER"
NUMBER, DURATION, STRING = "NUMBER", "DURATION", "STRING"


class Token(NamedTuple):
    """`text` is the source text, but the unquoted value of a STRING and the message of an ERROR."""

    kind: str
    start: int
    end: int
    text: str


_SPACE = r"[ \t\r\n]*"
_PLAIN_STRING = r"\"[^\"\\\n\ufffd\ud800-\udfff]*\"|'[^'\\\n\ufffd\ud800-\udfff]*'|`[^`\ufffd\ud800-\udfff]*`"
_PLAIN_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.])"
_UNITS = r"[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdw]))*"
_PLAIN_DURATION = rf"{_UNITS}(?![0-9A-Za-z_])"
_PLAIN_RANGE = re.compile(rf"{_UNITS}\]")
_OPERATORS = r"==|!=|<=|</|>=|>/|=(?!~)|[-+*/%^<>,@(){}\[\]]"
_COMMENT = r"\#[^\r\n]*"
_STATEMENT = re.compile(
    f"{_SPACE}(?:([A-Za-z_:][A-Za-z0-9_:]*)|({_OPERATORS})|({_PLAIN_STRING})|({_PLAIN_NUMBER})|({_PLAIN_DURATION})|({_COMMENT}))"
)
_INSIDE_BRACES = re.compile(f"{_SPACE}(?:([A-Za-z_][A-Za-z0-9_]*)|(=~|!~|!=|=|,|}})|({_PLAIN_STRING})|({_COMMENT}))")
_SPACES = re.compile(_SPACE)
_WORD = re.compile(r"[A-Za-z_]+")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_BEFORE_PAREN = re.compile(f"{_SPACE}\\(")
_MISPLACED = re.compile(f"==|!=|<=|</|>=|>/|=(?!~)|[<>@{{]|{_PLAIN_STRING}")
_FILLS = frozenset({"fill", "fill_left", "fill_right"})


class _Failed(Exception):
    """The ERROR token was written."""


class _Lexer:
    """State of one run. Offsets are characters here; `tokenize` turns them into bytes."""

    __slots__ = ("parens", "pos", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text, self.pos, self.parens = text, 0, 0
        self.tokens: list[Token] = []

    def fail(self, start: int, message: str) -> _Failed:
        self.tokens.append(Token(ERROR, start, len(self.text), message))
        return _Failed()

    def emit(self, kind: str, end: int) -> None:
        self.tokens.append(Token(kind, self.pos, end, self.text[self.pos : end]))
        self.pos = end

    def skip_space(self) -> str:
        """Moves to the next character that is no space and gives it, "" at the end."""
        self.pos = _SPACES.match(self.text, self.pos).end()  # type: ignore[union-attr]  # matches always
        return self.text[self.pos : self.pos + 1]

    def statements(self) -> None:
        match, text, add = _STATEMENT.match, self.text, self.tokens.append
        while True:
            m = match(text, self.pos)
            if m is None:
                if self.unusual():
                    return
                continue
            group = m.lastindex
            start, end = m.span(group)  # type: ignore[arg-type]  # a group matched
            value = text[start:end]
            self.pos = end
            if group == 1:
                add(Token(self.word_kind(value, end), start, end, value))
            elif group == 2:
                add(Token(value, start, end, value))
                if value == "(":
                    self.parens += 1
                elif value in _STRUCTURE:
                    self.structure(value)
            elif group == 3:
                add(Token(STRING, start, end, value[1:-1]))
            elif group != 6:
                add(Token(NUMBER if group == 4 else DURATION, start, end, value))

    def word_kind(self, word: str, end: int) -> str:
        kind = KEYWORDS.get(word) or KEYWORDS.get(word.lower())
        if kind is None:
            return METRIC_IDENTIFIER if ":" in word else IDENTIFIER
        if kind in _FILLS and not _BEFORE_PAREN.match(self.text, end):
            return IDENTIFIER
        return kind

    def structure(self, bracket: str) -> None:
        if bracket == "{":
            self.braces()
        elif bracket == "}":
            self.tokens.pop()
            raise self.fail(self.pos - 1, "unexpected character: '}'")
        elif bracket == "[":
            plain = _PLAIN_RANGE.match(self.text, self.pos)
            if plain is None:
                self.brackets()
            else:
                self.emit(DURATION, plain.end() - 1)
                self.emit("]", plain.end())
        elif bracket == "]":
            self.tokens.pop()
            raise self.fail(self.pos - 1, "unexpected right bracket ']'")
        else:
            self.count_paren(bracket)

    def count_paren(self, paren: str) -> None:
        """Called after the parenthesis was written. The one too many gives way to an error behind it."""
        self.parens += 1 if paren == "(" else -1
        if self.parens < 0:
            self.tokens.pop()
            raise self.fail(self.pos, "unexpected right parenthesis ')'")

    def unusual(self) -> bool:
        """What the pattern for statements does not know: the end, rare literals, mistakes. True at the end."""
        char = self.skip_space()
        start, following = self.pos, self.text[self.pos + 1 : self.pos + 2]
        if not char:
            if self.parens:
                raise self.fail(start, "unclosed left parenthesis")
            self.tokens.append(Token(EOF, start, start, ""))
            return True
        if char in "0123456789" or (char == "." and following and following in "0123456789"):
            self.number()
        elif char in "\"'`":
            self.string()
        elif char == "=":
            raise self.fail(start, "unexpected character after '=': '~'")
        elif char == "!":
            raise self.fail(start, f"unexpected character after '!': {quote_char(following)}")
        else:
            raise self.fail(start, f"unexpected character: {quote_char(char)}")
        return False

    def number(self) -> None:
        end, kind = scan_number(self.text, self.pos)
        if kind is None:
            raise self.fail(self.pos, f'bad number or duration syntax: "{self.text[self.pos : end]}"')
        self.emit(kind, end)

    def string(self) -> None:
        try:
            end, value = scan_string(self.text, self.pos)
        except LiteralError as e:
            raise self.fail(self.pos, str(e)) from None
        self.tokens.append(Token(STRING, self.pos, end, value))
        self.pos = end

    def braces(self) -> None:
        """Label matchers up to and including the closing brace; no keywords here."""
        text, add = self.text, self.tokens.append
        while True:
            m = _INSIDE_BRACES.match(text, self.pos)
            if m is None:
                self.unusual_in_braces()
                continue
            group = m.lastindex
            start, end = m.span(group)  # type: ignore[arg-type]  # a group matched
            self.pos = end
            if group == 1:
                add(Token(IDENTIFIER, start, end, text[start:end]))
            elif group == 2:
                op = text[start:end]
                add(Token(op, start, end, op))
                if op == "}":
                    return
            elif group == 3:
                add(Token(STRING, start, end, text[start + 1 : end - 1]))

    def unusual_in_braces(self) -> None:
        char = self.skip_space()
        if char and char in "\"'`":
            self.string()
            return
        following = self.text[self.pos + 1 : self.pos + 2]
        if not char:
            raise self.fail(self.pos, "unexpected end of input inside braces")
        if char == "{":
            raise self.fail(self.pos, "unexpected left brace '{'")
        if char == "!":
            raise self.fail(self.pos, f"unexpected character after '!' inside braces: {quote_char(following)}")
        raise self.fail(self.pos, f"unexpected character inside braces: {quote_char(char)}")

    def brackets(self) -> None:
        """A range or subquery up to and including the closing bracket. After a number errors read differently."""
        seen_number = seen_duration = seen_colon = False
        while True:
            char = self.skip_space()
            if not char:
                if not seen_number:
                    raise self.fail(self.pos, "unexpected end of input in duration expression")
                raise self.fail(self.pos, "unclosed left parenthesis" if self.parens else "unclosed left bracket")
            if char == "]":
                self.emit("]", self.pos + 1)
                return
            if char == ":":
                if seen_colon or not seen_duration:
                    raise self.colon_error(seen_number, seen_colon)
                seen_colon = True
                self.emit(":", self.pos + 1)
            elif char in "+-*/%^,":
                self.emit(char, self.pos + 1)
            elif char in "()":
                self.emit(char, self.pos + 1)
                self.count_paren(char)
            elif char in "0123456789" or (char == "." and self.text[self.pos + 1 : self.pos + 2].isdigit()):
                seen_number = seen_duration = True
                self.number()
            else:
                self.word_in_brackets(char, seen_number)
                seen_duration = True

    def colon_error(self, seen_number: bool, seen_colon: bool) -> _Failed:
        if seen_number:
            return self.fail(self.pos, "unexpected colon ':'")
        which = "repeated colon" if seen_colon else "colon before duration"
        return self.fail(self.pos + 1, f"unexpected {which} in duration expression")

    def word_in_brackets(self, char: str, seen_number: bool) -> None:
        if seen_number and char == "#":
            end = re.compile(_COMMENT).match(self.text, self.pos)
            assert end is not None
            self.pos = end.end()
            return
        m = _WORD.match(self.text, self.pos)
        if m is not None and m[0].lower() in DURATION_WORDS:
            self.emit(m[0].lower(), m.end())
            return
        if not seen_number:
            raise self.fail(self.pos, f"unexpected character in duration expression: {quote_char(char)}")
        if char == "[":
            raise self.fail(self.pos, "unexpected left bracket '['")
        misplaced = _MISPLACED.match(self.text, self.pos)
        if misplaced is not None:  # a token of its own, which the parser will not like
            self.emit(STRING if char in "\"'`" else misplaced[0], misplaced.end())
            return
        if m is not None:
            raise self.fail(self.pos, f"unexpected character: {quote_char(char)}, expected ':'")
        raise self.fail(self.pos, f"unexpected character: {quote_char(char)}")


_STRUCTURE = frozenset("){}[]")


def tokenize(text: str) -> list[Token]:
    """All tokens of an expression. Never raises for bad text: see ERROR."""
    lexer = _Lexer(text)
    with suppress(_Failed):
        lexer.statements()
    if text.isascii():
        return lexer.tokens
    sizes = (1 if c < "\x80" else 2 if c < "\u0800" else 3 if c < "\U00010000" else 4 for c in text)
    offsets = [0, *accumulate(sizes)]
    return [Token(kind, offsets[start], offsets[end], value) for kind, start, end, value in lexer.tokens]


def series_head_end(text: str) -> int:
    """Where name and label set of a series description end and its values begin (characters)."""
    lexer = _Lexer(text)
    lexer.skip_space()
    name = _NAME.match(text, lexer.pos)
    if name is not None:
        lexer.pos = name.end()
    if lexer.skip_space() == "{" and not text.startswith("{{", lexer.pos):
        lexer.pos += 1
        with suppress(_Failed):
            lexer.braces()
            return lexer.pos
        return len(text)
    return name.end() if name is not None else lexer.pos
