"""The feature list."""

from __future__ import annotations

import json
from pathlib import Path

from narthex.app.flags import parse_flags
from narthex.app.server.features import features
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.app.server.settings import server_settings


def test_the_list_has_exactly_prometheus_names(conformance: Path) -> None:
    golden = json.loads((conformance / "api" / "features.json").read_text())
    found = features(server_settings(parse_flags(SERVER_FLAGS, [])))
    assert {c: sorted(entries) for c, entries in found.items()} == {c: sorted(e) for c, e in golden.items()}
    claimed = {(c, n) for c, entries in found.items() for n, here in entries.items() if here}
    assert claimed <= {(c, n) for c, entries in golden.items() for n, here in entries.items() if here}


def test_experimental_functions_follow_their_flag() -> None:
    flags = parse_flags(SERVER_FLAGS, ["--enable-feature=promql-experimental-functions", "--web.enable-lifecycle"])
    found = features(server_settings(flags))
    assert found["promql_functions"]["mad_over_time"] and found["promql_operators"]["limitk"]
    assert found["api"]["lifecycle"] and not found["promql"]["anchored"]
    assert not features(server_settings(parse_flags(SERVER_FLAGS, [])))["promql_functions"]["mad_over_time"]
