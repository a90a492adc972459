"""What importing a program leaves out, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys

_CODE = """
import gc, os, sys
from narthex.cli.imports import import_program
import_program("narthex.app.server.main")
from aiohttp import connector
absent = ("narthex.template", "narthex.config.sd.cloud", "narthex.config.sd.cluster", "narthex.config.sd.hosters")
print([name for name in absent if name in sys.modules])
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
print(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
print(connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"], connector._SSL_CONTEXT_VERIFIED.verify_mode.name)
"""


def test_a_server_imports_no_more_than_it_needs_and_changes_nothing_else() -> None:
    environment = {**os.environ, "SSL_CERT_FILE": "/some/file"}
    environment.pop("SSL_CERT_DIR", None)
    found = subprocess.run(
        [sys.executable, "-c", _CODE], capture_output=True, text=True, check=True, env=environment
    ).stdout.splitlines()
    assert found == ["[]", "True True", "/some/file None", "0 CERT_REQUIRED"]
