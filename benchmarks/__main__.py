"""Runs the measurements of this folder: `python -m benchmarks [--list] [NAME...]`.

Without names all of them run, at a size that takes a few minutes; each has options of its own for larger runs, see
`python -m benchmarks.NAME --help`. Those that compare with a peer leave it out, and say so, where it is not installed.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def measurements() -> dict[str, str]:
    """Name and first line of every script that can be run."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        text = path.read_text()
        if "def main()" in text:
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    return found


def run() -> int:
    known = measurements()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--list", action="store_true", help="say what each one measures and run nothing")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    for name in arguments.names or known:
        print(f"{name}: {known[name]}", flush=True)
        if arguments.list:
            continue
        start = time.monotonic()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, check=False).returncode:
            failed.append(name)
        print(f"({time.monotonic() - start:.0f}s)\n", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run())
