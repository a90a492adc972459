"""Settings of the C allocator and of Python's collector that keep a server's memory near what it uses."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2  # glibc gives every thread an arena up to 8 per core; each keeps what its thread once used
_MMAP_BYTES = 1024 * 1024  # larger blocks go back to the kernel when freed, instead of leaving holes
_SWITCH_SECONDS = 0.001  # how soon the event loop gets the interpreter back from a query thread


def tune_allocator() -> None:
    """To be called before threads start. Does nothing where the C library has no mallopt (musl, macOS)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _MMAP_BYTES)


def trim() -> None:
    """Gives free memory back to the kernel; to be called after something large was freed."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return


def settle() -> None:
    """To be called once everything is loaded: what exists now is never garbage, so the collector need not look."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)
    trim()


def unsettle() -> None:
    """To be called at the end: takes back `settle`, so that what is left can be freed."""
    gc.unfreeze()
    gc.collect()
