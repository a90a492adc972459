"""What flags mean for a server."""

from __future__ import annotations

import socket

import pytest

from narthex.app.addresses import external_url, listen_address
from narthex.app.flags import parse_flags
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.app.server.settings import ServerSettings, retention_text, server_settings
from narthex.errors import FlagError
from narthex.tsdb.retention import Retention


def settings(*arguments: str) -> ServerSettings:
    return server_settings(parse_flags(SERVER_FLAGS, arguments))


def test_without_limits_samples_are_kept_for_fifteen_days() -> None:
    assert settings().retention == 15 * 86_400_000
    only_size = settings("--storage.tsdb.retention.size=1GB")
    assert (only_size.retention, only_size.retention_size) == (0, 2**30)
    assert settings("--storage.tsdb.retention.time=2h").retention == 7_200_000


@pytest.mark.parametrize(
    ("text", "address"),
    [("0.0.0.0:9090", ("0.0.0.0", 9090)), (":1", ("", 1)), ("[::1]:2", ("::1", 2)), ("h:0", ("h", 0))],
)
def test_listen_addresses(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["abc", "::1:9090", "h:99999", "h:", "h:x"])
def test_a_bad_listen_address_is_named(text: str) -> None:
    with pytest.raises(FlagError, match=r"--web\.listen-address"):
        listen_address(text)


def test_the_external_url_gives_the_route_prefix() -> None:
    assert settings().web.route_prefix == ""
    outside = settings("--web.external-url=https://h/prom/")
    assert (outside.external_url, outside.web.route_prefix) == ("https://h/prom", "/prom")
    assert settings("--web.external-url=https://h/prom", "--web.route-prefix=/").web.route_prefix == ""
    assert settings("--web.route-prefix=a/b/").web.route_prefix == "/a/b"
    assert external_url("", 9090) == f"http://{socket.gethostname()}:9090"
    assert external_url("/p/", 9090) == f"http://{socket.gethostname()}:9090/p"
    with pytest.raises(FlagError, match="quotes"):
        external_url('"http://h"', 1)


@pytest.mark.parametrize(
    "argument",
    ["--web.cors.origin=(", "--storage.tsdb.wal-segment-size=1MB", "--config.auto-reload-interval=10ms",
     "--query.lookback-delta=0s"],
)  # fmt: skip
def test_values_that_cannot_work_are_refused(argument: str) -> None:
    with pytest.raises(FlagError, match=argument.split("=")[0]):
        settings(argument)


def test_unknown_features_are_kept_apart() -> None:
    found = settings("--enable-feature=exemplar-storage,bogus")
    assert found.features == {"exemplar-storage"} and found.unknown_features == ("bogus",)


def test_retention_is_shown_as_prometheus_does() -> None:
    assert retention_text(Retention(15 * 86_400_000)) == "15d"
    assert retention_text(Retention(0, 10 * 2**30)) == "10GiB"
    assert retention_text(Retention(86_400_000, 10 * 2**30)) == "1d or 10GiB"
    assert retention_text(Retention(0, 0, 62.5)) == "62.5%"
    assert retention_text(Retention(86_400_000, 10 * 2**30, 80)) == "1d or 10GiB or 80%"


def test_deltas_are_either_added_up_or_kept() -> None:
    both = "--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion"
    with pytest.raises(FlagError, match="cannot be enabled together"):
        server_settings(parse_flags(SERVER_FLAGS, [both]))
