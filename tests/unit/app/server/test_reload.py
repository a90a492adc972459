"""Loading and applying configurations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from narthex.app.server.reload import Reloader, digest, reload_on_change
from narthex.errors import ConfigError, ConfigProblem, NarthexError
from narthex.instrument import Registry
from support.clock import FakeClock


class Parts:
    """Remembers what was applied; the parts named in `broken` fail."""

    def __init__(self, registry: Registry) -> None:
        self.applied: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.files: str | ConfigError = "one"
        steps = [(name, self._step(name)) for name in ("storage", "scrape", "rules")]
        self.reloader: Reloader[str] = Reloader(self._load, steps, registry, FakeClock(1234.0))

    def _load(self) -> str:
        if isinstance(self.files, ConfigError):
            raise self.files
        return self.files

    def _step(self, name: str):
        async def apply(loaded: str) -> None:
            if name in self.broken:
                raise NarthexError(f"{name} is broken")
            self.applied.append((name, loaded))

        return apply


def shown(registry: Registry) -> dict[str, str]:
    lines = registry.expose().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


async def test_a_reload_applies_to_all_parts_in_order() -> None:
    registry = Registry()
    parts = Parts(registry)
    await parts.reloader.reload()
    assert parts.applied == [("storage", "one"), ("scrape", "one"), ("rules", "one")]
    assert parts.reloader.successful
    assert shown(registry) == {
        "prometheus_config_last_reload_successful": "1",
        "prometheus_config_last_reload_success_timestamp_seconds": "1234",
    }


async def test_a_file_that_does_not_load_changes_nothing() -> None:
    registry = Registry()
    parts = Parts(registry)
    await parts.reloader.reload()
    parts.applied.clear()
    parts.files = ConfigError([ConfigProblem("p.yml", 2, "global", "unknown key")])
    with pytest.raises(ConfigError):
        await parts.reloader.reload()
    assert parts.applied == [] and not parts.reloader.successful
    assert shown(registry)["prometheus_config_last_reload_successful"] == "0"
    assert shown(registry)["prometheus_config_last_reload_success_timestamp_seconds"] == "1234"
    parts.files = "two"
    await parts.reloader.reload()
    assert shown(registry)["prometheus_config_last_reload_successful"] == "1"


async def test_a_failing_part_does_not_keep_the_others_from_the_new_configuration() -> None:
    registry = Registry()
    parts = Parts(registry)
    parts.broken = {"scrape"}
    with pytest.raises(NarthexError, match="scrape: scrape is broken"):
        await parts.reloader.reload()
    assert parts.applied == [("storage", "one"), ("rules", "one")]
    assert shown(registry)["prometheus_config_last_reload_successful"] == "0"


async def test_files_are_reloaded_only_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("a")
    reloads: list[str] = []

    async def reload() -> None:
        reloads.append(file.read_text() if file.exists() else "absent")
        raise NarthexError("not taken")

    clock = FakeClock()
    watch = asyncio.create_task(reload_on_change(lambda: [file], 30.0, reload, clock))
    for change in (None, lambda: file.write_text("b"), None, file.unlink, None):
        await clock.sleeper()
        if change is not None:
            change()
        await clock.advance(30)
    await clock.sleeper()
    watch.cancel()
    assert reloads == ["b", "absent"]


def test_the_digest_tells_names_and_contents_apart(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("x")
    b.write_text("x")
    assert digest([a]) != digest([b])
    assert digest([a, b]) != digest([a])
    before = digest([a])
    a.write_text("y")
    assert digest([a]) != before
    assert digest([tmp_path / "absent"]) == digest([tmp_path / "absent"])
