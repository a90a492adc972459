"""Which parts of the language are switched on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParserOptions:
    """Language features behind flags, named after the feature they belong to."""

    experimental_functions: bool = False  # promql-experimental-functions
    extended_range_selectors: bool = False  # promql-extended-range-selectors: anchored, smoothed
    fill_modifiers: bool = False  # promql-binop-fill-modifiers

    @staticmethod
    def everything() -> ParserOptions:
        """All features on, as in the test engine."""
        return ParserOptions(experimental_functions=True, extended_range_selectors=True, fill_modifiers=True)
