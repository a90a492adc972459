"""Sections whose models are made when a file first has one: most files use few of the many, and making them is slow."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema


class Later:
    """Marks a type of a model's field, as in `Annotated[OAuth2, Later()]`: its validator is built on first use.

    With a name, such as `Later("narthex.config.sd.cloud", "EC2SDConfig")`, even the model is only then imported, and
    the annotated type is a base class of it.
    """

    def __init__(self, module: str = "", name: str = "") -> None:
        self._module, self._name = module, name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def take(value: Any, info: ValidationInfo) -> Any:
            model = _model(self._module, self._name) if self._module else source
            # Its mistakes keep their places: pydantic puts the path to here before the paths of what is raised.
            return model.model_validate(value, context=info.context)

        return core_schema.with_info_plain_validator_function(take)


@cache
def _model(module: str, name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(import_module(module), name)
    return found
