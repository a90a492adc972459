"""Child processes of one command: started together, their output prefixed, stopped together, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STOP_TIMEOUT = 15.0  # seconds a child may take to end after SIGTERM before it is killed
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    name: str
    process: asyncio.subprocess.Process
    output: asyncio.Task[None]


class Children:
    """`write(name, line)` gets every line that a child prints. `ended` resolves with the first child that ends."""

    def __init__(self, write: Callable[[str, str], None]) -> None:
        self._write = write
        self._children: list[Child] = []
        self._stopping = False
        self.ended: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()

    async def start(self, name: str, arguments: Sequence[str]) -> None:
        """Runs `narthex ARGUMENTS` with this interpreter, in a session of its own: Ctrl-C reaches only the parent."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "narthex",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        child = Child(name, process, asyncio.create_task(self._follow(name, process)))
        self._children.append(child)

    async def stop(self) -> None:
        """Ends all children, the newest first, each with the time it needs up to STOP_TIMEOUT."""
        self._stopping = True
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        for child in reversed(self._children):
            try:
                await asyncio.wait_for(child.process.wait(), STOP_TIMEOUT)
            except TimeoutError:
                self._write(child.name, f"did not stop within {STOP_TIMEOUT:g}s, killed")
                child.process.kill()
                await child.process.wait()
            await child.output
        self._children.clear()

    async def _follow(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line longer than the stream's limit: its rest comes as further lines
                continue
            if not line:
                break
            self._write(name, line.decode(errors="replace").rstrip("\n"))
        code = await process.wait()
        if not self._stopping and not self.ended.done():
            self.ended.set_result((name, code))


def _die_with_parent() -> None:
    """Asks Linux to end this process when its parent does, even when the parent was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
