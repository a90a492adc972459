"""The place in the token list where the parser stands, and the error it raises there."""

from __future__ import annotations

from typing import NoReturn

from narthex.errors import PromQLError
from narthex.model.labels import quote
from narthex.promql.syntax.lexer import (
    DURATION,
    EOF,
    ERROR,
    IDENTIFIER,
    METRIC_IDENTIFIER,
    NUMBER,
    STRING,
    Token,
    tokenize,
)
from narthex.promql.syntax.words import AGGREGATORS, BINARY_OPERATORS, MODIFIERS

_NAMED = {
    IDENTIFIER: "identifier",
    METRIC_IDENTIFIER: "metric identifier",
    STRING: "string",
    NUMBER: "number",
    DURATION: "duration",
}
_OPERATORS = frozenset(BINARY_OPERATORS) | {"=~", "!~", "@"}


class Cursor:
    """Tokens of one text. `context` is what an unexpected token is said to stand in when nothing is nearer."""

    __slots__ = ("context", "index", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.context = ""

    @property
    def kind(self) -> str:
        return self.tokens[self.index].kind

    def peek(self, ahead: int = 1) -> str:
        """The kind of a later token, EOF when there is none."""
        at = self.index + ahead
        return self.tokens[at].kind if at < len(self.tokens) else EOF

    def take(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def accept(self, kind: str) -> bool:
        """Moves on when the token is of that kind."""
        if self.tokens[self.index].kind == kind:
            self.index += 1
            return True
        return False

    def expect(self, kind: str, context: str = "", expected: str = "") -> Token:
        token = self.tokens[self.index]
        if token.kind != kind:
            self.unexpected(context, expected)
        self.index += 1
        return token

    def error(self, start: int, end: int, message: str) -> PromQLError:
        return PromQLError(message, self.text, start, end)

    def unexpected(self, context: str = "", expected: str = "") -> NoReturn:
        """Raises the error about the current token; a lexical error speaks for itself."""
        token = self.tokens[self.index]
        if token.kind == ERROR:
            raise self.error(token.start, token.end, token.text)
        context = context or self.context
        message = f"unexpected {self._describe(token)}"
        message += f" in {context}" if context else ""
        message += f", expected {expected}" if expected else ""
        raise self.error(token.start, token.end, message)

    def _describe(self, token: Token) -> str:
        if token.kind == EOF:
            return "end of input"
        raw = self.text.encode(errors="surrogatepass")[token.start : token.end].decode(errors="surrogatepass")
        if token.kind in (IDENTIFIER, METRIC_IDENTIFIER):
            return f"{_NAMED[token.kind]} {quote(raw)}"
        if token.kind in MODIFIERS:
            return f"<{raw}>"
        if token.kind in _OPERATORS:
            return f"<op:{raw}>"
        if token.kind in AGGREGATORS:
            return f"<aggr:{raw}>"
        shown = f"{quote(raw[:10])}..." if len(raw.encode(errors="surrogatepass")) > 10 else quote(raw)
        return f"{_NAMED[token.kind]} {shown}" if token.kind in _NAMED else shown
