from __future__ import annotations

import pytest

from narthex.config.scrape import DEFAULT_PROTOCOLS, PROTOBUF_FIRST
from narthex.errors import ScrapeError
from narthex.exposition import Format, accept_header, choose_format


def test_accept_offers_the_default_formats_with_falling_weights() -> None:
    assert accept_header(DEFAULT_PROTOCOLS) == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )


def test_accept_offers_protobuf_first_with_the_highest_weight() -> None:
    assert accept_header(PROTOBUF_FIRST) == (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    )


@pytest.mark.parametrize(
    ("content_type", "format"),
    [
        ("text/plain; version=0.0.4; charset=utf-8", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("TEXT/PLAIN;version=1.0.0;escaping=allow-utf-8", Format.TEXT),
        ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", Format.PROTOBUF),
        ('application/openmetrics-text; version="1.0.0"; charset=utf-8', Format.OPENMETRICS),
    ],
)
def test_the_media_type_chooses_the_reader(content_type: str, format: Format) -> None:
    assert choose_format(content_type) is format
    assert choose_format(content_type, "PrometheusText0.0.4") is format


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/html; charset=utf-8", 'received unsupported Content-Type "text/html; charset=utf-8" and no fallback'),
        ("", "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol"),
        ("text plain;;=", 'received unparsable Content-Type "text plain;;=" and no fallback_scrape_protocol'),
        ("application/json", "received unsupported Content-Type"),
    ],
)
def test_an_unusable_type_is_an_error_unless_there_is_a_fallback(content_type: str, message: str) -> None:
    with pytest.raises(ScrapeError) as caught:
        choose_format(content_type)
    assert str(caught.value).startswith(message)
    assert choose_format(content_type, "OpenMetricsText1.0.0") is Format.OPENMETRICS
    assert choose_format(content_type, "PrometheusText0.0.4") is Format.TEXT
    assert choose_format(content_type, "PrometheusProto") is Format.PROTOBUF
