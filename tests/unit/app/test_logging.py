"""Log lines in logfmt and JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from narthex.app.logging import set_up_logging


@pytest.fixture(autouse=True)
def _restore_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_logfmt_quotes_only_what_needs_it() -> None:
    out = io.StringIO()
    set_up_logging("info", "logfmt", out)
    logging.getLogger("narthex.scrape.pool").warning('bad "target"', extra={"pool": "a", "err": "x = y\n"})
    line = out.getvalue()
    assert line.count("\n") == 1
    assert "level=WARN" in line and 'msg="bad \\"target\\""' in line and "component=scrape.pool pool=a" in line
    assert line.rstrip().endswith('err="x = y\\n"')


def test_json_is_one_object_a_line_with_the_traceback_inside() -> None:
    out = io.StringIO()
    set_up_logging("debug", "json", out)
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("narthex.app").exception("failed", extra={"n": 3})
    entry = json.loads(out.getvalue())
    assert entry["msg"] == "failed" and entry["n"] == 3 and entry["err"] == "ValueError: boom"
    assert "Traceback" in entry["traceback"] and entry["component"] == "app"


def test_lines_below_the_level_are_dropped() -> None:
    out = io.StringIO()
    set_up_logging("error", "logfmt", out)
    logging.getLogger("narthex.app").warning("quiet")
    assert out.getvalue() == ""
