"""Named templates that call each other, parsed once and executed many times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from narthex.template.builtins import BUILTINS
from narthex.template.evaluator import Evaluator
from narthex.template.library import Definition, Library, Limits
from narthex.template.parser import Parser, is_empty
from narthex.template.values import Function


class TemplateSet:
    """Templates with the functions they may call. With `html`, actions' values are escaped unless they are HtmlText."""

    def __init__(self, functions: Mapping[str, Function], *, html: bool = False, limits: Limits | None = None) -> None:
        self._library = Library({**BUILTINS, **functions}, html, limits or Limits())

    def parse(self, name: str, text: str, variables: Iterable[str] = ()) -> None:
        """Adds the text as template `name` and all that it defines; later definitions replace earlier ones.

        `variables` names what `execute` will predefine, dollar included. Raises TemplateError.
        """
        definitions = self._library.definitions
        parser = Parser(name, text, self._library.functions, variables)
        parser.parse()
        for title, body in parser.definitions.items():
            if title in definitions and is_empty(body):
                continue
            definitions[title] = Definition(title, body, name, text)

    def clone(self) -> TemplateSet:
        """A set to which more can be added without changing this one; costs one dictionary copy."""
        copy = TemplateSet({})
        copy._library = replace(self._library, definitions=dict(self._library.definitions))
        return copy

    def execute(self, name: str, data: Any, variables: Mapping[str, Any] | None = None) -> str:
        """The expanded text. Raises TemplateError that names template, line and column."""
        return Evaluator(self._library).run(name, data, variables or {})

    def expand(self, text: str, data: Any, variables: Mapping[str, Any] | None = None, *, name: str = "") -> str:
        """Parses `text` in a clone, under `name`, and executes it."""
        copy = self.clone()
        copy._library.definitions.pop(name, None)
        copy.parse(name, text, tuple(variables or ()))
        return copy.execute(name, data, variables)
