"""Matchers to sets of label values: the one planning step that head and blocks share.

The core knows no regular expressions. A plan turns every matcher into a `Term` on values that really occur; the core
then works on postings alone (union of a term's values, intersection of including terms, subtraction of excluding
ones, `core/labels/match_terms.h`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from narthex.model.matcher import Matcher, MatchType
from narthex.model.regex import Regex


class Term(NamedTuple):
    """One condition on one label, ready for the core.

    `exclude` False: the label has one of `values`. True: it has none of them, so a series without the label passes.
    `values` None stands for every value that occurs. No value is "".
    """

    name: str
    values: list[str] | None
    exclude: bool


class PostingsSource(Protocol):
    """What planning needs to know about a head or a block."""

    def label_values(self, name: str, prefix: str = "") -> list[str]:
        """Distinct values of a label that start with `prefix`, in any order; empty for an unknown label."""
        ...


def plan(matchers: Sequence[Matcher], source: PostingsSource) -> list[Term]:
    """Terms that hold for exactly the series that all matchers match.

    An absent label counts as "": a matcher that matches "" becomes an excluding term over the values that it does
    not match. Matchers that match everything vanish. A term that includes no value means that nothing can match.
    """
    return _join(_term(m, source) for m in matchers)


def _join(found: Iterable[Term | None]) -> list[Term]:
    terms: list[Term] = []
    for term in found:
        if term is None:
            continue
        if term.values == [] and not term.exclude:
            return [term]
        terms.append(term)
    return terms


def _term(matcher: Matcher, source: PostingsSource) -> Term | None:
    name, value = matcher.name, matcher.value
    match matcher.type:
        case MatchType.EQUAL:
            return Term(name, [value], False) if value else Term(name, None, True)
        case MatchType.NOT_EQUAL:
            return Term(name, [value], True) if value else Term(name, None, False)
        case MatchType.REGEX:
            assert matcher.regex is not None
            return _regex_term(name, matcher.regex, source)
        case MatchType.NOT_REGEX:
            assert matcher.regex is not None
            return _negated(_regex_term(name, matcher.regex, source), name)


def _regex_term(name: str, regex: Regex, source: PostingsSource) -> Term | None:
    """The term of `name =~ regex`; None when it matches everything."""
    if regex.literals is not None and "" not in regex.literals:
        return Term(name, regex.literals, False)
    if regex.pattern in (".*", "(.*)"):
        return None
    if regex.pattern in (".+", "(.+)"):
        return Term(name, None, False)
    if not regex.fullmatch(""):
        found = [v for v in source.label_values(name, regex.prefix) if regex.fullmatch(v)]
        return Term(name, found, False)
    missed = [v for v in source.label_values(name) if not regex.fullmatch(v)]
    return Term(name, missed, True) if missed else None


def _negated(term: Term | None, name: str) -> Term | None:
    if term is None:
        return Term(name, [], False)
    if not term.exclude and term.values == []:
        return None
    return Term(name, term.values, not term.exclude)


class CachedPlanner:
    """Plans for a source that never changes, such as a block; remembers what regular expressions matched.

    Holds at most `limit` label values; when there would be more it starts over. Safe for concurrent use.
    """

    def __init__(self, source: PostingsSource, limit: int = 20_000) -> None:
        self._source, self._limit = source, limit
        self._terms: dict[Matcher, Term | None] = {}
        self._held = 0

    def plan(self, matchers: Sequence[Matcher]) -> list[Term]:
        """The same as `plan(matchers, source)`."""
        return _join(self._term(m) for m in matchers)

    def _term(self, matcher: Matcher) -> Term | None:
        if matcher.regex is None:
            return _term(matcher, self._source)
        try:
            return self._terms[matcher]
        except KeyError:
            term = _term(matcher, self._source)
        size = 1 + len(term.values or ()) if term else 1
        if self._held + size > self._limit:
            self._terms, self._held = {}, 0
        if size <= self._limit:
            self._terms[matcher] = term
            self._held += size
        return term
