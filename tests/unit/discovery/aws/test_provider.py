from __future__ import annotations

import pytest

from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life
from unit.discovery.aws.fake import make


def test_a_role_without_a_provider_is_told_and_stops_nothing_else() -> None:
    with pytest.raises(HTTPClientError, match="role elasticache is not available yet"):
        Life(make("aws_sd_configs: [{role: elasticache}]", FakeApi()))
