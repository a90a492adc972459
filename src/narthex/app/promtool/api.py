"""Asking a server's HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from narthex.errors import HTTPClientError, QueryError
from narthex.net.client import HTTPClient, explain

_TIMEOUT = 300.0  # seconds for one answer
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def ask(client: HTTPClient, url: str, endpoint: str, form: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`data` of the answer of `url`/api/v1/`endpoint` to a form.

    Raises QueryError, which begins with `what`, when there is no answer or it tells of an error.
    """
    where = f"{url.rstrip('/')}/api/v1/{endpoint}"
    body = urlencode(form).encode()
    try:
        response = await client.request("POST", where, timeout_seconds=_TIMEOUT, headers=_FORM, body=body)
        async with response:
            text = await response.read()
        answer = orjson.loads(text)
    except (HTTPClientError, aiohttp.ClientError, TimeoutError) as e:
        raise QueryError(f"{what}: {where}: {explain(e)}") from None
    except ValueError:
        raise QueryError(f"{what}: {where}: status {response.status}, the answer is not JSON") from None
    if not isinstance(answer, dict) or answer.get("status") != "success" or not isinstance(answer.get("data"), dict):
        reason = answer.get("error", "") if isinstance(answer, dict) else ""
        raise QueryError(f"{what}: {reason or f'status {response.status}'}")
    data: dict[str, Any] = answer["data"]
    return data
