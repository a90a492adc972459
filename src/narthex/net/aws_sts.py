"""AWS Security Token Service: keys of a role in exchange for other keys or for a web identity token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from yarl import URL

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import HTTPClientError
from narthex.net.aws_keys import AwsKeys, usable
from narthex.net.aws_xml import parse, tag
from narthex.net.client import HTTPClient
from narthex.net.sigv4 import Scope, sign

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Role:
    arn: str
    session: str
    external_id: str = ""


class AwsSTS:
    def __init__(self, clock: Clock, environment: Mapping[str, str], config: HTTPClientConfig, *, fips: bool) -> None:
        self._clock, self._fips = clock, fips
        self._endpoint = environment.get("AWS_ENDPOINT_URL_STS") or environment.get("AWS_ENDPOINT_URL", "")
        self._client = HTTPClient(config, clock=clock)

    async def close(self) -> None:
        await self._client.close()

    async def assume(self, role: Role, keys: AwsKeys, region: str) -> AwsKeys:
        form = {"Action": "AssumeRole", "RoleArn": role.arn, "RoleSessionName": role.session}
        if role.external_id:
            form["ExternalId"] = role.external_id
        return await self._ask(form, region, keys)

    async def assume_with_web_identity(self, role: Role, token: str, region: str) -> AwsKeys:
        form = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": role.arn, "RoleSessionName": role.session}
        return await self._ask(form | {"WebIdentityToken": token}, region, None)

    async def _ask(self, form: Mapping[str, str], region: str, keys: AwsKeys | None) -> AwsKeys:
        url = URL(self._endpoint or sts_endpoint(region, fips=self._fips))
        body = urlencode({**form, "Version": "2011-06-15"}).encode()
        headers = {"Content-Type": FORM}
        if keys is not None:
            headers |= sign("POST", url, headers, body, keys, Scope(region, "sts"), self._clock.now())
        status, answer = await self._client.post_form(str(url), body, headers)
        if status != 200:
            raise HTTPClientError(f"AWS STS answered {status} to {form['Action']} {_code(answer)}".rstrip())
        fields = _fields(answer)
        access, secret, token = fields.get("AccessKeyId"), fields.get("SecretAccessKey"), fields.get("SessionToken")
        return usable(access, secret, token, fields.get("Expiration"), "AWS STS")


def sts_endpoint(region: str, *, fips: bool) -> str:
    """The region's own endpoint."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{'sts-fips' if fips else 'sts'}.{region}.{domain}/"


def _fields(document: bytes) -> dict[str, str]:
    """Text of all leaves by tag: in these answers no tag that counts occurs twice."""
    return {tag(element): (element.text or "").strip() for element in parse(document).iter()}


def _code(document: bytes) -> str:
    try:
        return _fields(document).get("Code", "")
    except HTTPClientError:
        return ""
