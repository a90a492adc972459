"""Text to tree: operator precedence, operands, calls and aggregations. Modifiers live in modifiers.py."""

from __future__ import annotations

from narthex.errors import PromQLError
from narthex.model.labels import METRIC_NAME
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    NumberLiteral,
    ParenExpr,
    Span,
    StringLiteral,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.syntax.check import (
    Complaint,
    check_aggregate,
    check_argument,
    check_binary,
    check_call,
    check_parameter,
    check_selector,
    check_subquery,
    check_unary,
)
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.lexer import DURATION, EOF, IDENTIFIER, METRIC_IDENTIFIER, NUMBER, STRING
from narthex.promql.syntax.modifiers import POSTFIX, parse_binary_modifiers, parse_postfix
from narthex.promql.syntax.numbers import number_value
from narthex.promql.syntax.ops import BinaryOp, Cardinality
from narthex.promql.syntax.options import ParserOptions
from narthex.promql.syntax.selectors import parse_label_list, parse_matchers
from narthex.promql.syntax.signatures import FUNCTIONS
from narthex.promql.syntax.types import ValueType
from narthex.promql.syntax.words import AGGREGATORS, BINARY_OPERATORS, CALLABLE_WORDS, METRIC_WORDS

MAX_NESTING = 100
"""Parentheses, calls, aggregations, signs and powers that may stand in each other."""

MAX_HEIGHT = 250
"""Height of the tallest tree that is accepted, operators in a row included. With these two limits neither the parser
nor a recursive walk over a tree, of up to two frames a level, exhausts Python's stack."""

_BINDING = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_POWER = 6


class _Parser:
    """One run over one text. `complaint` is the first type error so far; `height` that of the newest node."""

    __slots__ = ("complaint", "cursor", "depth", "height", "options")

    def __init__(self, text: str, options: ParserOptions) -> None:
        self.cursor = Cursor(text)
        self.options = options
        self.complaint: Complaint | None = None
        self.depth = 0
        self.height = 0

    def parse(self) -> Expr:
        cursor = self.cursor
        if cursor.kind == EOF:
            raise cursor.error(0, 0, "no expression found in input")
        expr = self.expression(0)
        if cursor.kind != EOF:
            cursor.unexpected()
        if self.complaint is not None:
            raise cursor.error(*self.complaint.span, self.complaint.message)
        return expr

    def too_deep(self, limit: int) -> PromQLError:
        token = self.cursor.tokens[self.cursor.index]
        return self.cursor.error(token.start, token.end, f"expression is nested too deeply: more than {limit} levels")

    def grown(self, height: int) -> None:
        """Notes the height of a new node whose tallest part has `height`."""
        self.height = height + 1
        if height >= MAX_HEIGHT:
            raise self.too_deep(MAX_HEIGHT)

    def complain(self, complaint: Complaint | None) -> None:
        if self.complaint is None:
            self.complaint = complaint

    def expression(self, minimum: int) -> Expr:
        """An operand and the binary operators behind it that bind at least as tightly as `minimum`."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.too_deep(MAX_NESTING)
        cursor = self.cursor
        left = self.operand()
        while (binding := _BINDING.get(cursor.kind)) is not None and binding >= minimum:
            op_token = cursor.take()
            height = self.height
            return_bool, matching = parse_binary_modifiers(cursor)
            op_span = Span(op_token.start, cursor.tokens[cursor.index - 1].end)
            right = self.expression(binding if binding == _POWER else binding + 1)
            self.grown(max(height, self.height))
            op = BINARY_OPERATORS[op_token.kind]
            left = self.binary(op, left, right, return_bool, matching, op_span)
        self.depth -= 1
        return left

    def binary(
        self, op: BinaryOp, left: Expr, right: Expr, return_bool: bool, matching: VectorMatching | None, op_span: Span
    ) -> BinaryExpr:
        span = Span(left.pos.start, right.pos.end)
        written = matching or _PLAIN
        if not self.options.fill_modifiers and (written.fill_left is not None or written.fill_right is not None):
            raise self.cursor.error(*span, "binop fill modifiers are experimental and not enabled")
        if self.complaint is None:
            self.complaint = check_binary(op, left, right, written, return_bool, op_span)
        if left.type is not ValueType.VECTOR or right.type is not ValueType.VECTOR:
            matching = None
        elif op.is_set:
            matching = VectorMatching(Cardinality.MANY_TO_MANY, written.on, written.labels)
        else:
            matching = written
        return BinaryExpr(op, left, right, span, matching, return_bool)

    def operand(self) -> Expr:
        cursor = self.cursor
        token = cursor.tokens[cursor.index]
        if token.kind in ("+", "-"):
            cursor.index += 1
            inner = self.expression(_POWER)
            span = Span(token.start, inner.pos.end)
            if isinstance(inner, NumberLiteral):
                value = -inner.value if token.kind == "-" else inner.value
                return NumberLiteral(value, span, inner.is_duration)
            self.complain(check_unary(inner, span))
            self.grown(self.height)
            return UnaryExpr(token.kind == "-", inner, span)
        expr = self.primary()
        while cursor.kind in POSTFIX:
            subquery_of = expr
            expr, is_subquery = parse_postfix(cursor, expr, self.options)
            if is_subquery:
                self.grown(self.height)
                self.complain(check_subquery(subquery_of, expr.pos))
        return expr

    def primary(self) -> Expr:
        cursor = self.cursor
        token = cursor.tokens[cursor.index]
        kind = token.kind
        self.height = 1
        if kind == IDENTIFIER:
            return self.call() if cursor.peek() == "(" else self.selector()
        if kind in (NUMBER, DURATION):
            cursor.index += 1
            return NumberLiteral(number_value(cursor, token), Span(token.start, token.end), kind == DURATION)
        if kind in AGGREGATORS:
            if cursor.peek() in ("(", "by", "without"):
                return self.aggregate()
            return self.selector()
        if kind == "(":
            cursor.index += 1
            inner = self.expression(0)
            end = cursor.expect(")").end
            self.grown(self.height)
            return ParenExpr(inner, Span(token.start, end))
        if kind == STRING:
            cursor.index += 1
            return StringLiteral(token.text, Span(token.start, token.end))
        if kind in CALLABLE_WORDS and cursor.peek() == "(":
            return self.call()
        if kind not in ("{", METRIC_IDENTIFIER) and kind not in METRIC_WORDS:
            cursor.unexpected()
        return self.selector()

    def selector(self) -> VectorSelector:
        selector = parse_selector_at(self.cursor)
        self.complain(check_selector(selector))
        self.height = 1
        return selector

    def arguments(self) -> tuple[list[Expr], list[Complaint | None], int]:
        """`(a, b, ...)`; gives each argument with the first complaint within it, and the end offset."""
        cursor = self.cursor
        cursor.expect("(")
        args: list[Expr] = []
        complaints: list[Complaint | None] = []
        before, height = self.complaint, 0
        while cursor.kind != ")":
            self.complaint = None
            args.append(self.expression(0))
            complaints.append(self.complaint)
            height = max(height, self.height)
            if cursor.kind != ",":
                break
            comma = cursor.take()
            if not self.starts_expression():
                raise cursor.error(comma.start, comma.end, "trailing commas not allowed in function call args")
        end = cursor.expect(")").end
        self.complaint = before
        self.grown(height)
        return args, complaints, end

    def starts_expression(self) -> bool:
        kind = self.cursor.kind
        if kind == "ERROR":
            self.cursor.unexpected()
        return kind in _STARTS or kind in METRIC_WORDS

    def call(self) -> Call:
        cursor = self.cursor
        name = cursor.take()
        args, complaints, end = self.arguments()
        func = FUNCTIONS.get(name.text)
        if func is None:
            raise cursor.error(name.start, name.end, f'unknown function with name "{name.text}"')
        if func.experimental and not self.options.experimental_functions:
            raise cursor.error(name.start, name.end, f'function "{func.name}" is not enabled')
        span = Span(name.start, end)
        if self.complaint is None:
            self.complaint = check_call(func, args, span)
        if func.name == "info" and len(args) == 2 and isinstance(args[1], VectorSelector):
            complaints[1] = None  # may match everything: it only picks labels
        for index, arg in enumerate(args):
            if self.complaint is not None:
                break
            self.complaint = complaints[index] or check_argument(func, index, arg)
        return Call(func, tuple(args), span)

    def aggregate(self) -> AggregateExpr:
        cursor = self.cursor
        outer, cursor.context = cursor.context, "aggregation"
        op_token = cursor.take()
        op = AGGREGATORS[op_token.kind]
        grouping: tuple[str, ...] = ()
        without = clause = False
        if cursor.kind in ("by", "without"):
            clause, without = True, cursor.take().kind == "without"
            grouping, _ = parse_label_list(cursor)
        args, complaints, end = self.arguments()
        if not clause and cursor.kind in ("by", "without"):
            without = cursor.take().kind == "without"
            grouping, end = parse_label_list(cursor)
        cursor.context = outer
        span = Span(op_token.start, end)
        if not args:
            raise cursor.error(*span, "no arguments for aggregate expression provided")
        if op.experimental and not self.options.experimental_functions:
            hint = "is experimental and must be enabled with --enable-feature=promql-experimental-functions"
            raise cursor.error(*span, f"{op.value}() {hint}")
        wanted = 2 if op.has_param else 1
        if len(args) != wanted:
            message = "wrong number of arguments for aggregate expression provided"
            raise cursor.error(*span, f"{message}, expected {wanted}, got {len(args)}")
        expr, param = args[-1], args[0] if op.has_param else None
        self.complain(complaints[-1] or check_aggregate(op, expr))
        if param is not None:
            self.complain(complaints[0] or check_parameter(op, param))
        return AggregateExpr(op, expr, param, grouping, without, span)


_PLAIN = VectorMatching()
_DEFAULTS = ParserOptions()
_STARTS = frozenset({IDENTIFIER, METRIC_IDENTIFIER, NUMBER, DURATION, STRING, "(", "{", "+", "-"})


def parse_selector_at(cursor: Cursor) -> VectorSelector:
    """A name, matchers in braces, or both."""
    token = cursor.tokens[cursor.index]
    name, end = "", token.end
    matchers: list[Matcher] = []
    if token.kind != "{":
        cursor.index += 1
        name = token.text
    if cursor.kind == "{":
        matchers, end = parse_matchers(cursor)
    if name:
        matchers.append(Matcher(MatchType.EQUAL, METRIC_NAME, name))
    return VectorSelector(name, tuple(matchers), Span(token.start, end))


def parse_expr(text: str, options: ParserOptions = _DEFAULTS) -> Expr:
    """Parses and type-checks one expression. Raises PromQLError with byte positions in the UTF-8 text."""
    return _Parser(text, options).parse()


def parse_selector(text: str) -> VectorSelector:
    """Parses one series selector as in `match[]`: no modifiers, no check that some matcher is non-empty."""
    cursor = Cursor(text)
    if cursor.kind not in ("{", IDENTIFIER, METRIC_IDENTIFIER) and cursor.kind not in METRIC_WORDS:
        cursor.unexpected()
    selector = parse_selector_at(cursor)
    if cursor.kind != EOF:
        cursor.unexpected()
    return selector
