"""Credentials from a program that a kubeconfig file names: run when they are needed, kept until they run out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.config.scalars import Secret
from narthex.discovery.kubernetes.kubeconfig import ExecPlugin
from narthex.discovery.kubernetes.objects import mapping, text
from narthex.errors import HTTPClientError
from narthex.model.rfc3339 import parse_rfc3339
from narthex.net import HTTPClient

TIMEOUT_SECONDS = 60.0
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """`expires` is in seconds since 1970, infinity for never."""

    token: str
    certificate: str
    key: str
    expires: float


class ExecAccess:
    own_namespace = ""

    def __init__(
        self, server: str, config: HTTPClientConfig, plugin: ExecPlugin, clock: Clock, environment: Mapping[str, str]
    ) -> None:
        self.server = server.rstrip("/")
        self._config, self._plugin, self._clock, self._environment = config, plugin, clock, environment
        self._credentials: Credentials | None = None
        self._asking = asyncio.Lock()
        self._client: HTTPClient | None = None
        self._certificate = ("", "")  # that of the client

    async def client(self) -> tuple[HTTPClient, Mapping[str, str]]:
        async with self._asking:
            credentials = self._credentials
            if credentials is None or credentials.expires <= self._clock.now():
                credentials = self._credentials = await ask(self._plugin, self._environment)
            certificate = (credentials.certificate, credentials.key)
            if self._client is None or certificate != self._certificate:
                await self.close()
                self._client, self._certificate = HTTPClient(self._with(credentials), clock=self._clock), certificate
            return self._client, {"Authorization": f"Bearer {credentials.token}"} if credentials.token else {}

    def refused(self) -> None:
        self._credentials = None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _with(self, credentials: Credentials) -> HTTPClientConfig:
        if not credentials.certificate:
            return self._config
        own = {"cert": credentials.certificate, "key": Secret(credentials.key), "cert_file": "", "key_file": ""}
        return self._config.model_copy(update={"tls_config": self._config.tls_config.model_copy(update=own)})


async def ask(plugin: ExecPlugin, environment: Mapping[str, str]) -> Credentials:
    """Runs the program. Raises HTTPClientError."""
    spec: dict[str, object] = {"interactive": False}
    if plugin.cluster is not None:
        spec["cluster"] = plugin.cluster
    told = {"kind": "ExecCredential", "apiVersion": plugin.version, "spec": spec}
    full = {**environment, **plugin.environment, "KUBERNETES_EXEC_INFO": orjson.dumps(told).decode()}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.arguments,
            env=full,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as e:
        reason = os.strerror(e.errno) if isinstance(e, OSError) and e.errno else str(e)
        raise HTTPClientError(f"exec plugin {plugin.command} cannot run: {reason}. {plugin.hint}".strip()) from None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output = await _read(process.stdout)
            status = await process.wait()
    except TimeoutError:
        raise HTTPClientError(f"exec plugin {plugin.command} took longer than {TIMEOUT_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise HTTPClientError(f"exec plugin {plugin.command} ended with status {status}")
    return parse(output, plugin)


async def _read(stream: asyncio.StreamReader) -> bytes:
    output = bytearray()
    while chunk := await stream.read(64 * 1024):
        output += chunk
        if len(output) > MAX_BYTES:
            raise HTTPClientError("the exec plugin prints too much")
    return bytes(output)


def parse(output: bytes, plugin: ExecPlugin) -> Credentials:
    """Raises HTTPClientError."""
    where = f"exec plugin {plugin.command}"
    try:
        found = mapping(orjson.loads(output))
    except orjson.JSONDecodeError:
        raise HTTPClientError(f"{where} does not print JSON") from None
    if found.get("kind") != "ExecCredential" or found.get("apiVersion") != plugin.version:
        raise HTTPClientError(f"{where} does not print an ExecCredential of {plugin.version}")
    status = mapping(found.get("status"))
    token, expires = text(status.get("token")), text(status.get("expirationTimestamp"))
    certificate, key = text(status.get("clientCertificateData")), text(status.get("clientKeyData"))
    if bool(certificate) != bool(key):
        raise HTTPClientError(f"{where} prints one of certificate and key without the other")
    if not token and not certificate:
        raise HTTPClientError(f"{where} prints no credentials")
    try:
        until = parse_rfc3339(expires) if expires else float("inf")
    except ValueError:
        raise HTTPClientError(f"{where} prints a wrong expirationTimestamp") from None
    return Credentials(token, certificate, key, until)
