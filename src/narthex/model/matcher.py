"""Label matchers: =, !=, =~, !~ on one label."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from narthex.model.labels import is_label_name, quote
from narthex.model.regex import Regex, compile_regex


class MatchType(Enum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; an absent label counts as "". Raises MatcherError on a bad regex."""

    type: MatchType
    name: str
    value: str
    regex: Regex | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.type in (MatchType.REGEX, MatchType.NOT_REGEX):
            object.__setattr__(self, "regex", compile_regex(self.value))

    def __hash__(self) -> int:
        # Matchers are keys of every selection: the kind rarely tells two apart and an enum's hash is slow.
        return hash((self.name, self.value))

    def matches(self, text: str) -> bool:
        match self.type:
            case MatchType.EQUAL:
                return text == self.value
            case MatchType.NOT_EQUAL:
                return text != self.value
            case MatchType.REGEX:
                assert self.regex is not None
                return self.regex.fullmatch(text)
            case MatchType.NOT_REGEX:
                assert self.regex is not None
                return not self.regex.fullmatch(text)

    @property
    def negative(self) -> bool:
        return self.type in (MatchType.NOT_EQUAL, MatchType.NOT_REGEX)

    def __str__(self) -> str:
        name = self.name if is_label_name(self.name) else quote(self.name)
        return f"{name}{self.type.value}{quote(self.value)}"
