"""${NAME} in external labels."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

log = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#$@!?\-0-9]))")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """$NAME and ${NAME} replaced by the variable's value ("" and a warning when there is none); $$ is one $."""

    def value(match: re.Match[str]) -> str:
        name = match[1] if match[1] is not None else match[2]
        if name == "$":
            return "$"
        found = environment.get(name, "")
        if not found:
            log.warning("external label uses the empty environment variable %r", name)
        return found

    return _VARIABLE.sub(value, text)
