"""Template text to tokens. Outside of {{ }} everything is one TEXT token; trim markers are applied here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from narthex.errors import TemplateError

LEFT, RIGHT = "{{", "}}"
SPACE = " \t\r\n"
KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})


class Kind(Enum):
    TEXT = "text"
    LEFT = "left delimiter"
    RIGHT = "right delimiter"
    SPACE = "space"
    FIELD = "field"
    VARIABLE = "variable"
    IDENTIFIER = "identifier"
    KEYWORD = "keyword"
    BOOL = "bool"
    NIL = "nil"
    NUMBER = "number"
    CHAR = "character constant"
    STRING = "string"
    DOT = "dot"
    PIPE = "|"
    COMMA = ","
    ASSIGN = "="
    DECLARE = ":="
    LEFT_PAREN = "("
    RIGHT_PAREN = ")"
    EOF = "EOF"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    at: int

    def __str__(self) -> str:
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.KEYWORD:
            return f"<{self.text}>"
        return f'"{self.text[:10]}"...' if len(self.text) > 10 else f'"{self.text}"'


def where(text: str, at: int) -> tuple[int, int]:
    """Line (from 1) and byte column (from 0) of a position, as Go's templates count them."""
    before = text[:at]
    return before.count("\n") + 1, len(before[before.rfind("\n") + 1 :].encode(errors="surrogatepass"))


class Lexer:
    """Turns the text of one template into tokens. Raises TemplateError with name, line and column."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text, self.at = name, text, 0
        self.tokens: list[Token] = []

    def fail(self, message: str, at: int) -> TemplateError:
        line, column = where(self.text, at)
        return TemplateError(f"template: {self.name}:{line}:{column}: {message}")

    def run(self) -> list[Token]:
        while True:
            left = self.text.find(LEFT, self.at)
            if left < 0:
                self._text(len(self.text), trim=False)
                self.tokens.append(Token(Kind.EOF, "", len(self.text)))
                return self.tokens
            trim = self._trims_left(left + 2)
            self._text(left, trim=trim)
            self.at = left + 2
            body = left + 2 + (2 if trim else 0)
            if self.text.startswith("/*", body):
                self._comment(left, body)
                continue
            self.tokens.append(Token(Kind.LEFT, LEFT, left))
            self.at = left + (3 if trim else 2)
            self._action(left)

    def _trims_left(self, at: int) -> bool:
        return self.text.startswith("-", at) and self.text[at + 1 : at + 2] in tuple(SPACE)

    def _text(self, end: int, *, trim: bool) -> None:
        piece = self.text[self.at : end]
        if trim:
            piece = piece.rstrip(SPACE)
        if piece:
            self.tokens.append(Token(Kind.TEXT, piece, self.at))

    def _comment(self, left: int, body: int) -> None:
        end = self.text.find("*/", body + 2)
        if end < 0:
            raise self.fail("unclosed comment", left)
        self.at = end + 2
        if self.text.startswith(RIGHT, self.at):
            self.at += 2
        elif self.text[self.at : self.at + 1] in tuple(SPACE) and self.text.startswith("-" + RIGHT, self.at + 1):
            self.at += 4
            self._skip_space()
        else:
            raise self.fail("comment ends before closing delimiter", left)

    def _skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in SPACE:
            self.at += 1

    def _action(self, left: int) -> None:
        depth = 0
        while True:
            trim = self.text[self.at : self.at + 1] in tuple(SPACE) and self.text.startswith("-" + RIGHT, self.at + 1)
            if trim or self.text.startswith(RIGHT, self.at):
                if depth:
                    raise self.fail("unclosed left paren", self.at)
                self.tokens.append(Token(Kind.RIGHT, RIGHT, self.at + (2 if trim else 0)))
                self.at += 4 if trim else 2
                if trim:
                    self._skip_space()
                return
            if self.at >= len(self.text):
                raise self.fail("unclosed action", left)
            token = self._token()
            depth += (token.kind is Kind.LEFT_PAREN) - (token.kind is Kind.RIGHT_PAREN)
            if depth < 0:
                raise self.fail("unexpected right paren", token.at)
            self.tokens.append(token)
            self.at = token.at + len(token.text)

    def _token(self) -> Token:
        at, ch = self.at, self.text[self.at]
        if ch in SPACE:
            end = at
            while (
                end < len(self.text)
                and self.text[end] in SPACE
                and not (self.text.startswith("-" + RIGHT, end + 1) and end > at)
            ):
                end += 1
            return Token(Kind.SPACE, self.text[at:end], at)
        if self.text.startswith(":=", at):
            return Token(Kind.DECLARE, ":=", at)
        single = {"|": Kind.PIPE, ",": Kind.COMMA, "=": Kind.ASSIGN, "(": Kind.LEFT_PAREN, ")": Kind.RIGHT_PAREN}
        if ch in single:
            return Token(single[ch], ch, at)
        if ch == '"' or ch == "'":
            return self._quoted(ch)
        if ch == "`":
            end = self.text.find("`", at + 1)
            if end < 0:
                raise self.fail("unterminated raw quoted string", at)
            return Token(Kind.STRING, self.text[at : end + 1], at)
        if ch == "$":
            return self._word(Kind.VARIABLE, at, at + 1)
        if ch == "." and not self.text[at + 1 : at + 2].isdecimal():
            end = self._word_end(at + 1)
            return self._word(Kind.DOT if end == at + 1 else Kind.FIELD, at, at + 1)
        if ch in "+-." or (ch.isascii() and ch.isdecimal()):
            return self._number()
        if _is_letter(ch):
            return self._word(Kind.IDENTIFIER, at, at)
        raise self.fail(f"unexpected character {ch!r} in an action", at)

    def _word_end(self, start: int) -> int:
        end = start
        while end < len(self.text) and (_is_letter(self.text[end]) or self.text[end].isdecimal()):
            end += 1
        return end

    def _word(self, kind: Kind, at: int, start: int) -> Token:
        end = self._word_end(start)
        following = self.text[end : end + 1]
        if following and following not in SPACE + ".,|:=()" and not self.text.startswith(RIGHT, end):
            raise self.fail(f"bad character {following!r}", end)
        text = self.text[at:end]
        if kind is Kind.IDENTIFIER:
            if text in KEYWORDS:
                kind = Kind.KEYWORD
            elif text in ("true", "false"):
                kind = Kind.BOOL
            elif text == "nil":
                kind = Kind.NIL
        return Token(kind, text, at)

    def _quoted(self, mark: str) -> Token:
        end = self.at + 1
        while end < len(self.text) and self.text[end] not in (mark, "\n"):
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text) or self.text[end] != mark:
            kind = "quoted string" if mark == '"' else "character constant"
            raise self.fail(f"unterminated {kind}", self.at)
        return Token(Kind.STRING if mark == '"' else Kind.CHAR, self.text[self.at : end + 1], self.at)

    def _number(self) -> Token:
        end = self.at + (self.text[self.at] in "+-")
        while end < len(self.text):
            ch = self.text[end]
            exponent_sign = ch in "+-" and self.text[end - 1] in "eEpP" and end > self.at + 1
            if not ((ch.isascii() and (ch.isalnum() or ch in "._")) or exponent_sign):
                break
            end += 1
        return Token(Kind.NUMBER, self.text[self.at : end], self.at)


def _is_letter(ch: str) -> bool:
    return ch == "_" or ch.isalpha()
