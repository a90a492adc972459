"""What scraped series measure reaches an endpoint of remote write: beside the samples in 1.0, with them in 2.0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reference.remote_write import metadata_v1, metadata_v2
from support.api_server import ApiServer
from support.exporter import Exporter
from support.remote_write import FIRST, SECOND
from support.waiting import wait_until
from support.write_endpoint import WriteEndpoint

Start = Callable[..., ApiServer]
BODY = """# HELP calls_total Calls.
# TYPE calls_total counter
calls_total 1
# HELP heat Degrees.
# TYPE heat gauge
heat 2
"""
WANTED = {"calls_total": (1, "Calls.", ""), "heat": (2, "Degrees.", "")}
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs: [{{job_name: it, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]
remote_write:
  - url: http://127.0.0.1:{endpoint}/write
    protobuf_message: {message}
    metadata_config: {{send_interval: 300ms}}
    queue_config: {{batch_send_deadline: 50ms}}
"""


@pytest.mark.parametrize(("message", "read"), [(FIRST, metadata_v1), (SECOND, metadata_v2)])
@pytest.mark.parametrize("feature", [False, True])
def test_metadata_arrives(
    tmp_path: Path,
    start: Start,
    message: str,
    read: Callable[[bytes], dict[str, tuple[int, str, str]]],
    feature: bool,
) -> None:
    endpoint, target = WriteEndpoint(), Exporter(lambda _: BODY)
    try:
        text = CONFIG.format(target=target.port, endpoint=endpoint.port, message=message)
        (tmp_path / "prometheus.yml").write_text(text)
        server = start(*(["--enable-feature=metadata-wal-records"] if feature else [])).ready()

        def found() -> dict[str, tuple[int, str, str]]:
            return {name: m for request in endpoint.taken for name, m in read(request.body).items() if name in WANTED}

        if message == SECOND and not feature:
            wait_until("requests", lambda: len(endpoint.taken) > 4)
            assert found() == {}
        else:
            wait_until("metadata", lambda: found() == WANTED)
        assert server.stop() == 0
    finally:
        target.close()
        endpoint.close()
