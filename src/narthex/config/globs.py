"""Paths with a * in their last part, as rule_files, scrape_config_files and file discovery take them."""

from __future__ import annotations

import fnmatch
from pathlib import Path

from narthex.errors import ConfigError, ConfigProblem


def matching_files(pattern: str) -> list[str]:
    """Existing files, sorted. A pattern without wildcards is its own only match. Hidden files match a * too.

    Raises ConfigError when the directory exists but cannot be read; a missing directory holds no files.
    """
    path = Path(pattern)
    try:
        if not any(c in path.name for c in "*?["):
            return [str(path)] if path.exists() else []
        name = path.name.replace("[^", "[!")
        return sorted(str(entry) for entry in path.parent.iterdir() if fnmatch.fnmatchcase(entry.name, name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise ConfigError([ConfigProblem(pattern, 0, "", f"cannot list files: {e.strerror or e}")]) from None
