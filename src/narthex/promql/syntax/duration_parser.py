"""Durations in brackets and after `offset`: literals and arithmetic on them."""

from __future__ import annotations

from narthex.promql.syntax.ast import Duration, DurationExpr, DurationLiteral, Span
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.lexer import DURATION, NUMBER, Token
from narthex.promql.syntax.numbers import number_value
from narthex.promql.syntax.ops import DurationOp

_MAX_SECONDS = 2**63 / 1e9
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_UNARY = 3  # an operand of a sign takes in only powers
_CONTEXT = "subquery or range selector"
_EXPECTED = "number, duration, step(), or range()"
_NUMBERS = (NUMBER, DURATION)
MAX_NESTING = 100


class DurationParser:
    """Parses at the cursor. `context` names the construct for errors in the middle of an expression."""

    def __init__(self, cursor: Cursor, context: str) -> None:
        self.cursor, self.context, self.depth = cursor, context, 0

    def expression(self, minimum: int = 0) -> Duration:
        cursor = self.cursor
        self.depth += 1
        if self.depth > MAX_NESTING:
            token = cursor.tokens[cursor.index]
            raise cursor.error(token.start, token.end, f"duration expression is deeper than {MAX_NESTING} levels")
        result = self.continued(self.operand(), minimum)
        self.depth -= 1
        return result

    def continued(self, left: Duration, minimum: int = 0) -> Duration:
        """Takes in the binary operators that follow an operand."""
        cursor = self.cursor
        terms = 0
        while (precedence := _PRECEDENCE.get(cursor.kind, -1)) >= max(minimum, 1):
            op = cursor.take()
            terms += 1
            if terms > MAX_NESTING:
                raise cursor.error(op.start, op.end, f"duration expression has more than {MAX_NESTING} operators")
            right = self.expression(precedence + (op.kind != "^"))
            zero = isinstance(right, DurationLiteral) and right.seconds == 0
            if zero and op.kind in "/%":
                what = "division" if op.kind == "/" else "modulo"
                raise cursor.error(op.start, op.end, f"{what} by zero")
            left = DurationExpr(DurationOp(op.kind), left, right, False, Span(left.pos.start, right.pos.end))
        return left

    def operand(self) -> Duration:
        cursor = self.cursor
        kind = cursor.kind
        if kind in _NUMBERS:
            return self.literal(None)
        if kind in ("+", "-"):
            sign = cursor.take()
            return self.signed(sign, self.expression(_UNARY))
        if kind == "(":
            return self.parenthesised()
        return self.function()

    def parenthesised(self) -> DurationExpr:
        start = self.cursor.take().start
        inner = self.expression()
        end = self.cursor.expect(")", self.context, _EXPECTED).end
        span = Span(start, end)
        if isinstance(inner, DurationExpr):
            return DurationExpr(inner.op, inner.left, inner.right, True, span)
        return DurationExpr(DurationOp.ADD, None, inner, True, span)

    def function(self) -> DurationExpr:
        cursor = self.cursor
        if cursor.kind not in ("step", "range", "max_of", "min_of"):
            cursor.unexpected(self.context, _EXPECTED)
        word = cursor.take()
        cursor.expect("(", self.context, _EXPECTED)
        left = right = None
        if word.kind in ("max_of", "min_of"):
            left = self.expression()
            cursor.expect(",", self.context, _EXPECTED)
            right = self.expression()
        end = cursor.expect(")", self.context, _EXPECTED).end
        return DurationExpr(DurationOp(word.kind), left, right, False, Span(word.start, end))

    def literal(self, sign: Token | None) -> DurationLiteral:
        cursor = self.cursor
        token = cursor.take()
        value = number_value(cursor, token)
        start = token.start if sign is None else sign.start
        if sign is not None and sign.kind == "-":
            value = -value
        if not -_MAX_SECONDS <= value <= _MAX_SECONDS:
            raise cursor.error(start, token.end, "duration out of range")
        return DurationLiteral(value, Span(start, token.end), token.kind == NUMBER)

    def signed(self, sign: Token, inner: Duration) -> Duration:
        span = Span(sign.start, inner.pos.end)
        if isinstance(inner, DurationLiteral):
            return DurationLiteral(-inner.seconds if sign.kind == "-" else inner.seconds, span, inner.as_number)
        return DurationExpr(DurationOp.SUB, None, inner, False, span) if sign.kind == "-" else inner

    def offset(self) -> Duration:
        """What follows `offset`: without parentheses only one literal or function, maybe with a sign."""
        cursor = self.cursor
        kind = cursor.kind
        if kind in _NUMBERS:
            return plain(self.literal(None))
        if kind == "(":
            return self.continued(self.parenthesised())
        if kind not in ("+", "-"):
            return self.function()
        sign = cursor.take()
        kind = cursor.kind
        if kind in _NUMBERS:
            return plain(self.literal(sign))
        if kind == "(":
            return self.signed(sign, self.parenthesised())
        if kind in ("+", "-"):
            return plain(self.continued(self.signed(sign, self.expression(_UNARY))))
        return self.signed(sign, self.function())


def plain(duration: Duration) -> Duration:
    """A literal that stands alone is a duration, however it was written."""
    if isinstance(duration, DurationLiteral) and duration.as_number:
        return DurationLiteral(duration.seconds, duration.pos)
    return duration


def parse_positive(cursor: Cursor) -> Duration:
    """A duration in brackets; a literal must be greater than zero."""
    parser = DurationParser(cursor, _CONTEXT)
    alone = cursor.kind == DURATION and cursor.peek() in ("]", ":")
    duration = parser.literal(None) if alone else plain(parser.expression())
    if isinstance(duration, DurationLiteral) and duration.seconds <= 0:
        raise cursor.error(*duration.pos, "duration must be greater than 0")
    return duration


def parse_offset(cursor: Cursor) -> Duration:
    return DurationParser(cursor, "offset").offset()
