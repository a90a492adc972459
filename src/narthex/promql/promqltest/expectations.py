"""One `expect` line."""

from __future__ import annotations

import re

from narthex.model.regex import compile_regex
from narthex.promql.promqltest.commands import Expectation, ExpectationKind

__all__ = ["Expectation", "parse_expectation"]

_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")


def parse_expectation(text: str) -> Expectation:
    """`expect warn msg: text`, `expect fail regex: pattern` or bare. Raises ValueError, or MatcherError on a bad regex.

    A pattern may match anywhere in the text.
    """
    m = _EXPECT.fullmatch(text)
    if m is None:
        raise ValueError("invalid expect statement, must match `expect <type> <match_type>: <string>` format")
    kind, how, what = ExpectationKind(m[1]), m[2], (m[3] or "").strip()
    if how == "msg":
        return Expectation(kind, message=what)
    if how == "regex":
        return Expectation(kind, pattern=compile_regex(f".*(?:{what}).*"))
    return Expectation(kind)
