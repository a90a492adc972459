"""Keys and region from where the process runs: an ECS or EKS container, or an EC2 instance (metadata service v2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import aiohttp
import orjson
from yarl import URL

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import HTTPClientError
from narthex.net.aws_keys import AwsKeys, keys_from_json
from narthex.net.client import HTTPClient, explain
from narthex.net.secret_files import read_secret

CONTAINER_HOST = "http://169.254.170.2"
INSTANCE_HOST = "http://169.254.169.254"
TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024
TOKEN_SECONDS = "21600"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_CONTAINER_ADDRESSES = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")


class AwsMetadata:
    def __init__(self, clock: Clock, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._client = HTTPClient(HTTPClientConfig(follow_redirects=False), clock=clock)
        self._instance = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", INSTANCE_HOST).rstrip("/")
        self._disabled = environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"

    async def close(self) -> None:
        await self._client.close()

    async def keys(self) -> AwsKeys:
        """Raises HTTPClientError when there is no such service here, or it has no role."""
        relative = self._environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        full = self._environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if relative or full:
            return await self._container(CONTAINER_HOST + relative if relative else str(full))
        role = (await self._of_instance(_ROLES)).split("\n")[0].strip()
        if not role:
            raise HTTPClientError("the EC2 instance has no role")
        return keys_from_json(_json(await self._of_instance(_ROLES + role)), "the EC2 metadata service")

    async def region(self) -> str:
        """The region of the instance."""
        region = (await self._of_instance("/latest/meta-data/placement/region")).strip()
        if not region:
            raise HTTPClientError("no AWS region is set, and the EC2 metadata service names none")
        return region

    async def _container(self, url: str) -> AwsKeys:
        if not _trusted(URL(url)):
            raise HTTPClientError(f"AWS container credentials: {url} is neither https nor a local address")
        token = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        file = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if file:
            token = read_secret(file, "AWS container authorization token")
        answer = await self._ask("GET", url, {"Authorization": token} if token else {})
        return keys_from_json(_json(answer), "the container's credential service")

    async def _of_instance(self, path: str) -> str:
        if self._disabled:
            raise HTTPClientError("no AWS credentials or region are set, and the EC2 metadata service is disabled")
        token = await self._ask(
            "PUT", f"{self._instance}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
        )
        return await self._ask("GET", self._instance + path, {"X-aws-ec2-metadata-token": token.strip()})

    async def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> str:
        try:
            response = await self._client.request(method, url, timeout_seconds=TIMEOUT_SECONDS, headers=headers)
            async with response:
                body = await response.content.read(MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise HTTPClientError(f"no AWS credentials or region found; {url}: {explain(e)}") from None
        if response.status != 200:
            raise HTTPClientError(f"{url} answered {response.status}")
        return body.decode(errors="replace")


def _trusted(url: URL) -> bool:
    """Over plain HTTP keys are only taken from this machine and the addresses that AWS reserves for it."""
    host = url.host or ""
    if url.scheme == "https" or host in _CONTAINER_ADDRESSES or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
