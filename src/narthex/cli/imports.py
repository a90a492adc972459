"""Importing a program's modules, which is most of what a start takes: work that no program needs is left out of it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_FOR_GOOD: Mapping[str, str] = {
    # Nothing here multiplies matrices: the threads that numpy would start for that take as long as the rest of it.
    "OPENBLAS_NUM_THREADS": "1",
    # pydantic reads the metadata of every installed package to find plugins, and would let them change what it does.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
_MEANWHILE: Mapping[str, str] = {
    # aiohttp reads the system's certificates twice, into contexts of its own that are never used: every request over
    # TLS brings a context (`net.client`). Without certificates those of aiohttp trust nobody.
    "SSL_CERT_FILE": os.devnull,
    "SSL_CERT_DIR": os.devnull,
}


def import_program(module: str) -> ModuleType:
    """The module of that name. What it brings stays as long as the process, so garbage is not looked for in it."""
    for name, value in _FOR_GOOD.items():
        os.environ.setdefault(name, value)
    gc.disable()
    try:
        with _environment(_MEANWHILE):
            return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
