"""Label matchers in braces and label lists in parentheses."""

from __future__ import annotations

from narthex.errors import MatcherError
from narthex.model.labels import METRIC_NAME, is_utf8_name, quote
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.lexer import IDENTIFIER, METRIC_IDENTIFIER, STRING
from narthex.promql.syntax.words import LABEL_WORDS

_MATCHING = "label matching"
_GROUPING = "grouping opts"
_MATCH_TYPES = {t.value: t for t in MatchType}


def parse_matchers(cursor: Cursor) -> tuple[list[Matcher], int]:
    """From the opening brace to the closing one; gives the matchers in order of the text and the end offset.

    A quoted name on its own is a matcher on the metric name.
    """
    cursor.take()
    matchers: list[Matcher] = []
    while cursor.kind != "}":
        matchers.append(_parse_matcher(cursor))
        if not cursor.accept(",") and cursor.kind != "}":
            cursor.unexpected(_MATCHING, '"," or "}"')
    return matchers, cursor.take().end


def _parse_matcher(cursor: Cursor) -> Matcher:
    name = cursor.tokens[cursor.index]
    if name.kind not in (IDENTIFIER, STRING):
        cursor.unexpected(_MATCHING, 'identifier or "}"')
    cursor.index += 1
    match_type = _MATCH_TYPES.get(cursor.kind)
    if match_type is None:
        if name.kind == IDENTIFIER:
            cursor.unexpected(_MATCHING, "label matching operator")
        return Matcher(MatchType.EQUAL, METRIC_NAME, name.text)
    cursor.index += 1
    value = cursor.expect(STRING, _MATCHING, "string")
    try:
        return Matcher(match_type, name.text, value.text)
    except MatcherError as e:
        raise cursor.error(name.start, value.end, str(e)) from None


def parse_label_list(cursor: Cursor) -> tuple[tuple[str, ...], int]:
    """`(a, "b.c", ...)` with an optional trailing comma; gives the names and the end offset."""
    cursor.expect("(", _GROUPING, '"("')
    names: list[str] = []
    while cursor.kind != ")":
        names.append(_parse_label(cursor))
        if not cursor.accept(",") and cursor.kind != ")":
            cursor.unexpected(_GROUPING, '"," or ")"')
    return tuple(names), cursor.take().end


def _parse_label(cursor: Cursor) -> str:
    token = cursor.tokens[cursor.index]
    if token.kind not in (IDENTIFIER, METRIC_IDENTIFIER, STRING) and token.kind not in LABEL_WORDS:
        cursor.unexpected(_GROUPING, "label")
    if not is_utf8_name(token.text):
        raise cursor.error(token.start, token.end, f"invalid label name for grouping: {quote(token.text)}")
    cursor.index += 1
    return token.text
