"""How AWS' services are asked: endpoints, signatures, and the three forms of their APIs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from yarl import URL

from narthex.clock import Clock
from narthex.config.cloud_auth import SigV4Config
from narthex.config.sd.cloud import AWSServiceSDConfig
from narthex.discovery.http_api import AnswerError, HttpApiProvider, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode, validated
from narthex.errors import HTTPClientError
from narthex.net.aws_credentials import AwsCredentials
from narthex.net.aws_xml import as_dict, parse
from narthex.net.sigv4 import Scope, sign

P = TypeVar("P", bound=Payload)


class AwsProvider(HttpApiProvider):
    """`service` is the one that the section's endpoint is for, by the name in its host and its signatures."""

    def __init__(
        self,
        service: str,
        config: AWSServiceSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._service, self._endpoint = service, config.endpoint
        self._environment = os.environ if environment is None else environment
        account = SigV4Config(
            region=config.region,
            access_key=config.access_key if config.secret_key else "",
            secret_key=config.secret_key if config.access_key else "",
            profile=config.profile,
            role_arn=config.role_arn,
            external_id=config.external_id,
        )
        self._credentials = AwsCredentials(account, clock, environment=environment, http=config.http_client)

    async def close(self) -> None:
        await self._credentials.close()
        await super().close()

    async def region(self) -> str:
        return await self._credentials.region()

    async def query(self, kind: type[P], service: str, version: str, action: str, form: Mapping[str, str]) -> P:
        """A call in the query form (ec2, rds, elasticache), answered with XML."""
        body = urlencode({"Action": action, "Version": version, **form}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        document = as_dict(parse(await self._call(service, action, "POST", "/", headers, body)))
        return validated(kind, document.get(f"{action}Result", document) if isinstance(document, dict) else {})

    async def json(self, kind: type[P], service: str, target: str, request: Mapping[str, Any]) -> P:
        """A call in the JSON form (ecs, lightsail); `target` is the API's name and version, a dot, the action."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        action = target.rpartition(".")[2]
        return decode(kind, await self._call(service, action, "POST", "/", headers, orjson.dumps(request)))

    async def rest(self, kind: type[P], service: str, path: str, query: Mapping[str, str]) -> P:
        """A call in the REST form (msk)."""
        text = urlencode({name: value for name, value in query.items() if value})
        return decode(kind, await self._call(service, path, "GET", f"{path}{'?' if text else ''}{text}", {}, None))

    async def _call(
        self, service: str, what: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        keys, region = await self._credentials.keys(), await self.region()
        url = f"{self._host(service, region)}{path}"
        scope, where = Scope(region, service), URL(url, encoded=True)
        signed = sign(method, where, headers, body or b"", keys, scope, self._clock.now())
        try:
            return await self.ask(url, method=method, headers={**headers, **signed}, body=body)
        except AnswerError as e:
            if e.status in (401, 403):
                self._credentials.forget()
            raise HTTPClientError(f"{service}: {what}: {e} {_code(e.body)}".rstrip()) from None

    def _host(self, service: str, region: str) -> str:
        if service == self._service and self._endpoint:
            return self._endpoint.rstrip("/") if "://" in self._endpoint else f"https://{self._endpoint.rstrip('/')}"
        variable = f"AWS_ENDPOINT_URL_{'KAFKA' if service == 'kafka' else service.upper()}"
        given = self._environment.get(variable) or self._environment.get("AWS_ENDPOINT_URL", "")
        return given.rstrip("/") or f"https://{service}.{region}.{domain(region)}"


def domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _code(body: bytes) -> str:
    """The code of an error in either form, such as UnauthorizedOperation."""
    try:
        text = str(orjson.loads(body).get("__type", "")).rpartition("#")[2]
    except (ValueError, AttributeError):
        _, found, rest = body.partition(b"<Code>")
        text = rest.partition(b"</Code>")[0].decode(errors="replace") if found else ""
    return text[:100] if text.isprintable() else ""


def given(prefix: str, labels: Mapping[str, str | None]) -> dict[str, str]:
    """Labels under a prefix, without those of which the API said nothing."""
    return {prefix + name: value for name, value in labels.items() if value is not None}


def tag_labels(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}tag_{label_name(name)}": value for name, value in tags.items()}
