"""Matchers to sets of label values: the one planning step that head and blocks share.

The core knows no regular expressions. A plan turns every matcher into a `Term` on values that really occur; the core
then works on postings alone (union of a term's values, intersection of including terms, subtraction of excluding
ones, `core/labels/match_terms.h`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.matcher import Matcher, MatchType
from narthex.model.regex import Regex
from narthex.native import ValueTexts

Ids = NDArray[np.uint32]
"""Numbers by which a head or a block calls its label values."""


MOST_PLANS = 1000
"""Parsed selectors are kept elsewhere; what is kept of each here is a list of texts."""


class Term(NamedTuple):
    """One condition on one label, ready for the core.

    `exclude` False: the label has one of `values`. True: it has none of them, so a series without the label passes.
    `values` are texts, none of them "", or the source's numbers for them; None stands for every value that occurs.
    """

    name: str
    values: list[str] | Ids | None
    exclude: bool


class PostingsSource(Protocol):
    """What planning needs to know about a head or a block."""

    def value_texts(self, name: str, prefix: str = "", since: int = 0) -> ValueTexts:
        """Values of a label that start with `prefix`, from position `since` on; empty for an unknown label.

        Values may be added behind the last one; all else stays, within one generation.
        """
        ...


class _Found(NamedTuple):
    """What a regular expression matched among the first `seen` values of a label."""

    generation: int
    seen: int
    ids: Ids


class Planner:
    """Plans for one head or block; remembers what regular expressions matched and asks only for newer values.

    Holds at most `limit` numbers of values and MOST_PLANS plans; when there would be more it starts over. Safe for
    concurrent use.
    """

    def __init__(self, source: PostingsSource, limit: int = 250_000) -> None:
        self._source, self._limit = source, limit
        self._known: dict[tuple[str, str, bool], _Found] = {}
        self._plans: dict[int, tuple[tuple[Matcher, ...], list[Term]]] = {}  # by identity
        self._held = 0

    def plan(self, matchers: Sequence[Matcher], generation: int = 0) -> list[Term]:
        """Terms that hold for exactly the series that all matchers match.

        An absent label counts as "": a matcher that matches "" becomes an excluding term over the values that it does
        not match. Matchers that match everything vanish. A term that includes no value means that nothing can match.
        Numbers of values hold in that `generation` of the source only.
        """
        known = self._plans.get(id(matchers))
        if known is not None and known[0] is matchers:
            return known[1]
        terms = _join(self._term(m, generation) for m in matchers)
        if isinstance(matchers, tuple) and all(m.regex is None for m in matchers):  # no new value changes such a plan
            if len(self._plans) >= MOST_PLANS:
                self._plans = {}
            self._plans[id(matchers)] = matchers, terms
        return terms

    def _term(self, matcher: Matcher, generation: int) -> Term:
        name, value = matcher.name, matcher.value
        match matcher.type:
            case MatchType.EQUAL:
                return Term(name, [value], False) if value else Term(name, None, True)
            case MatchType.NOT_EQUAL:
                return Term(name, [value], True) if value else Term(name, None, False)
        assert matcher.regex is not None
        term = self._regex_term(name, matcher.regex, generation)
        return term._replace(exclude=not term.exclude) if matcher.negative else term

    def _regex_term(self, name: str, regex: Regex, generation: int) -> Term:
        if regex.literals is not None and "" not in regex.literals:
            return Term(name, regex.literals, False)
        if regex.pattern in (".*", "(.*)"):
            return Term(name, [], True)
        if regex.pattern in (".+", "(.+)"):
            return Term(name, None, False)
        matches_absent = regex.fullmatch("")
        return Term(name, self._ids(name, regex, matches_absent, generation), matches_absent)

    def _ids(self, name: str, regex: Regex, negate: bool, generation: int) -> Ids:
        """Values that match; with `negate` those that do not."""
        key = name, regex.pattern, negate
        known = self._known.get(key)
        if known is None or known.generation != generation:
            known = _Found(generation, 0, np.empty(0, np.uint32))
        texts = self._source.value_texts(name, "" if negate else regex.prefix, known.seen)
        if texts.seen == known.seen:
            return known.ids
        ids = np.concatenate([known.ids, regex.matching(texts, negate=negate)]) if len(texts) else known.ids
        self._remember(key, _Found(generation, texts.seen, ids))
        return ids

    def _remember(self, key: tuple[str, str, bool], found: _Found) -> None:
        size = 1 + len(found.ids)
        if self._held + size > self._limit:
            self._known, self._held = {}, 0
        if size <= self._limit:
            self._known[key] = found
            self._held += size


def _join(found: Iterable[Term]) -> list[Term]:
    terms: list[Term] = []
    for term in found:
        if term.values is not None and len(term.values) == 0:
            if not term.exclude:
                return [term]
            continue
        terms.append(term)
    return terms
