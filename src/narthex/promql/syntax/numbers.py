"""The value of a NUMBER or DURATION token."""

from __future__ import annotations

from narthex.model.duration import parse_duration
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.lexer import NUMBER, Token
from narthex.promql.syntax.literals import LiteralError, parse_number


def number_value(cursor: Cursor, token: Token) -> float:
    """The number, or the duration in seconds. Raises PromQLError at the token."""
    try:
        if token.kind == NUMBER:
            return parse_number(token.text)
        return parse_duration(token.text) / 1000
    except LiteralError as e:
        raise cursor.error(token.start, token.end, f"error parsing number: {e}") from None
    except ValueError as e:
        raise cursor.error(token.start, token.end, str(e)) from None
