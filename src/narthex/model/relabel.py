"""Relabelling: rules that rewrite or drop a label set. First function to read: `process`.

Rules are compiled once and hold a bounded cache from their input text to what the regular expression made of it, since
the same metric and job names come by many thousand times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from narthex.model.labels import Labels, is_label_name, is_utf8_name
from narthex.model.regex import Regex, compile_regex

ACTIONS = (
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
)
DEFAULT_REGEX, DEFAULT_SEPARATOR, DEFAULT_REPLACEMENT = "(.*)", ";", "$1"
CACHE_ENTRIES = 4096  # for each rule; the cache starts anew when it is full

_Apply = Callable[[dict[str, str], Mapping[str, str]], bool]


@dataclass(frozen=True)
class RelabelRule:
    """One rule. Raises MatcherError when the regex is not valid RE2.

    `legacy_names` keeps replace from writing labels whose name is not a classic one (letters, digits, underscores).
    Which fields an action takes is checked where rules are read (`narthex.config`), not here.
    """

    action: str = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = DEFAULT_SEPARATOR
    regex: str = DEFAULT_REGEX
    modulus: int = 0
    target_label: str = ""
    replacement: str = DEFAULT_REPLACEMENT
    legacy_names: bool = False
    _copies: bool = field(init=False, repr=False, compare=False)  # a whole text, as most rules do
    _regex: Regex = field(init=False, repr=False, compare=False)
    _apply: _Apply = field(init=False, repr=False, compare=False)
    _matched: dict[str, bool] = field(init=False, repr=False, compare=False, default_factory=dict)
    _replaced: dict[str, tuple[str, str] | None] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown relabel action {self.action!r}: use one of {', '.join(ACTIONS)}")
        copies = (self.regex, self.replacement) == (DEFAULT_REGEX, DEFAULT_REPLACEMENT) and "$" not in self.target_label
        object.__setattr__(self, "_copies", copies)
        object.__setattr__(self, "_regex", compile_regex(self.regex))
        object.__setattr__(self, "_apply", getattr(self, f"_{self.action}"))

    def apply(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        """Changes `labels` in place; False says that the set is dropped. `original` is what `labels` was at first."""
        return self._apply(labels, original)

    def _input(self, labels: dict[str, str]) -> str:
        names = self.source_labels
        if len(names) == 1:
            return labels.get(names[0], "")
        return self.separator.join([labels.get(name, "") for name in names])

    def _matches(self, text: str) -> bool:
        found = self._matched.get(text)
        if found is None:
            if len(self._matched) >= CACHE_ENTRIES:
                self._matched.clear()
            found = self._matched[text] = self._regex.fullmatch(text)
        return found

    def _keep(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        return self._matches(self._input(labels))

    def _drop(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        return not self._matches(self._input(labels))

    def _keepequal(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        return labels.get(self.target_label, "") == self._input(labels)

    def _dropequal(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        return labels.get(self.target_label, "") != self._input(labels)

    def _replace(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        text = self._input(labels)
        if text in self._replaced:
            change = self._replaced[text]
        else:
            if len(self._replaced) >= CACHE_ENTRIES:
                self._replaced.clear()
            change = self._replaced[text] = self._replacement_of(text)
        if change is not None:
            _set(labels, original, *change)
        return True

    def _replacement_of(self, text: str) -> tuple[str, str] | None:
        plain = "$" not in self.target_label and "$" not in self.replacement
        if self._copies:
            target, value = self.target_label, text
        elif plain and (self.regex == DEFAULT_REGEX or self._regex.fullmatch(text)):
            target, value = self.target_label, self.replacement
        else:
            expanded = None if plain else self._regex.expand_all(text, (self.target_label, self.replacement))
            if expanded is None:
                return None
            target, value = expanded
        valid = is_label_name(target) if self.legacy_names else is_utf8_name(target)
        return (target, value) if valid else None

    def _lowercase(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        text = self._input(labels)
        lower = text.lower() if text.isascii() else "".join(c.lower()[0] for c in text)
        _set(labels, original, self.target_label, lower)
        return True

    def _uppercase(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        text = self._input(labels)
        upper = text.upper() if text.isascii() else "".join(map(_upper, text))
        _set(labels, original, self.target_label, upper)
        return True

    def _hashmod(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        digest = hashlib.md5(self._input(labels).encode(), usedforsecurity=False).digest()
        _set(labels, original, self.target_label, str(int.from_bytes(digest[8:], "big") % self.modulus))
        return True

    def _labelmap(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        for name, value in list(labels.items()):
            mapped = self._regex.expand(name, self.replacement) if self._matches(name) else None
            if mapped is not None:
                _set(labels, original, mapped, value)
        return True

    def _labeldrop(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        for name in [n for n in labels if self._matches(n)]:
            del labels[name]
        return True

    def _labelkeep(self, labels: dict[str, str], original: Mapping[str, str]) -> bool:
        for name in [n for n in labels if not self._matches(n)]:
            del labels[name]
        return True


def _upper(char: str) -> str:
    """Unicode's simple mapping: a letter whose capital form has several characters (ß) stays as it is."""
    return next((form for form in (char.upper(), char.title()) if len(form) == 1), char)


def _set(labels: dict[str, str], original: Mapping[str, str], name: str, value: str) -> None:
    """An empty value deletes. A label that is changed for the first time moves behind the untouched ones, because
    labelmap lets the later of two labels win that map to one name, and that is the order in which Prometheus goes."""
    if value == "":
        labels.pop(name, None)
        return
    if name in labels and labels[name] == original.get(name):
        del labels[name]
    labels[name] = value


def process(labels: Mapping[str, str], rules: Iterable[RelabelRule]) -> Labels | None:
    """The label set after all rules, or None when a rule drops it. `labels` should be in label order."""
    original: Mapping[str, str] = labels.view() if isinstance(labels, Labels) else labels
    current = dict(original)
    for rule in rules:
        if not rule.apply(current, original):
            return None
    if isinstance(labels, Labels) and current == original:
        return labels
    return Labels(current)
