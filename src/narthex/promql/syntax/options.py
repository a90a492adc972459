"""Which parts of the language are switched on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParserOptions:
    """Language features behind flags, named after the feature they belong to."""

    experimental_functions: bool = False
    extended_range_selectors: bool = False  # anchored, smoothed
    fill_modifiers: bool = False

    @staticmethod
    def of_features(names: Collection[str]) -> ParserOptions:
        """The language that the names of --enable-feature give; other names are no concern of the parser."""
        return ParserOptions(
            experimental_functions="promql-experimental-functions" in names,
            extended_range_selectors="promql-extended-range-selectors" in names,
            fill_modifiers="promql-binop-fill-modifiers" in names,
        )

    @staticmethod
    def everything() -> ParserOptions:
        """All features on, as in the test engine."""
        return ParserOptions(experimental_functions=True, extended_range_selectors=True, fill_modifiers=True)
