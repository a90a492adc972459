"""What all `*_sd_configs` have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BeforeValidator, Field

from narthex.config.scalars import Milliseconds, Text
from narthex.config.strict import Section, wrong


class SDConfig(Section):
    """One discovery section. Equal sections share one provider, so sections compare by value."""

    mechanism: ClassVar[str]

    @property
    def refresh_seconds(self) -> float:
        """How often the mechanism asks again; 0 when it does not refresh."""
        interval: Milliseconds = getattr(self, "refresh_interval", 0)
        return interval / 1000

    def required(self, *keys: str) -> None:
        """Raises for the first of these fields that is not set."""
        for key in keys:
            if not getattr(self, key):
                raise wrong(f"{self.mechanism} discovery needs {key}", key)


def one_of(what: str, *choices: str) -> Any:
    """The type of a text field with a fixed choice, which says in its error what may be chosen."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in choices:
            return str(value)
        raise ValueError(f'unknown {what} "{value}": use one of {", ".join(filter(None, choices))}')

    return BeforeValidator(check)


class Filter(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("name", "values"))
    name: Text = ""
    values: list[Text] = Field(default_factory=list)
