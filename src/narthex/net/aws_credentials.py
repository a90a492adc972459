"""Where AWS keys come from: configuration, environment, profiles, web identity, containers, the instance.

The order is that of AWS' own SDKs. A role of the configuration is taken on (STS AssumeRole) with whatever was found.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import orjson

from narthex.clock import Clock
from narthex.config.cloud_auth import SigV4Config
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import HTTPClientError
from narthex.net.aws_keys import AwsKeys, keys_from_json
from narthex.net.aws_metadata import AwsMetadata
from narthex.net.aws_profiles import AwsProfiles, Profile
from narthex.net.aws_sts import AwsSTS, Role
from narthex.net.secret_files import read_secret

EXPIRY_MARGIN_SECONDS = 300.0
SHORTEST_USE_SECONDS = 60.0
PROCESS_TIMEOUT_SECONDS = 60.0
MOST_PROFILES = 10  # that lead from one to the next
SESSION_NAME = "narthex"


class AwsCredentials:
    """Keys and region of one section. Keys with an end are fetched anew 5 minutes before it, one fetch at a time."""

    def __init__(
        self,
        config: SigV4Config,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
        http: HTTPClientConfig | None = None,
    ) -> None:
        """`http` is how STS is spoken to."""
        self._config, self._clock = config, clock
        self._environment = os.environ if environment is None else environment
        self._profiles = AwsProfiles(self._environment)
        self._metadata = AwsMetadata(clock, self._environment)
        self._sts = AwsSTS(clock, self._environment, http or HTTPClientConfig(), fips=config.use_fips_sts_endpoint)
        self._lock = asyncio.Lock()
        self._keys: AwsKeys | None = None
        self._use_until = 0.0
        self._region = ""

    async def keys(self) -> AwsKeys:
        """Raises HTTPClientError, or the HTTP client's errors, when no keys can be had."""
        async with self._lock:
            if self._keys is None or self._clock.now() >= self._use_until:
                self._keys = await self._fetch()
                end = self._keys.expires
                now = self._clock.now()
                self._use_until = (
                    now + SHORTEST_USE_SECONDS
                    if end is None
                    else max(end - EXPIRY_MARGIN_SECONDS, min(now + SHORTEST_USE_SECONDS, end))
                )
            return self._keys

    def forget(self) -> None:
        """The keys were refused: the next request fetches them anew."""
        self._keys = None

    async def region(self) -> str:
        """The section's region, else the environment's, the profile's or the instance's."""
        if not self._region:
            self._region = (
                self._config.region
                or self._environment.get("AWS_REGION", "")
                or self._profiles.profile(self._config.profile or self._profiles.default).get("region", "")
                or await self._metadata.region()
            )
        return self._region

    async def close(self) -> None:
        await self._sts.close()
        await self._metadata.close()

    async def _fetch(self) -> AwsKeys:
        found = await self._base()
        if not self._config.role_arn:
            return found
        role = Role(self._config.role_arn, SESSION_NAME, self._config.external_id)
        return await self._sts.assume(role, found, await self.region())

    async def _base(self) -> AwsKeys:
        config, environment = self._config, self._environment
        if config.access_key:
            return AwsKeys(config.access_key, config.secret_key.reveal())
        if config.profile:
            return await self._of_profile(config.profile)
        access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if access and secret:
            return AwsKeys(access, secret, environment.get("AWS_SESSION_TOKEN", ""))
        token_file, arn = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environment.get("AWS_ROLE_ARN")
        if token_file and arn:
            session = environment.get("AWS_ROLE_SESSION_NAME") or SESSION_NAME
            return await self._web_identity(token_file, Role(arn, session))
        profile = self._profiles.profile(self._profiles.default)
        if profile.keys() & _SOURCES:
            return await self._of_profile(self._profiles.default)
        return await self._metadata.keys()

    async def _of_profile(self, name: str, depth: int = 0) -> AwsKeys:
        profile = self._profiles.profile(name)
        if not profile:
            raise HTTPClientError(f'there is no AWS profile "{name}"')
        if depth >= MOST_PROFILES:
            raise HTTPClientError(f'AWS profile "{name}" leads through more than {MOST_PROFILES} others')
        if "role_arn" in profile:
            return await self._role_of_profile(name, profile, depth)
        if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
            token = profile.get("aws_session_token", "")
            return AwsKeys(profile["aws_access_key_id"], profile["aws_secret_access_key"], token)
        if "credential_process" in profile:
            return await _of_process(profile["credential_process"], name, self._environment)
        raise HTTPClientError(f'AWS profile "{name}" has no keys, role or credential_process')

    async def _role_of_profile(self, name: str, profile: Profile, depth: int) -> AwsKeys:
        session = profile.get("role_session_name") or SESSION_NAME
        role = Role(profile["role_arn"], session, profile.get("external_id", ""))
        if "web_identity_token_file" in profile:
            return await self._web_identity(profile["web_identity_token_file"], role)
        source = profile.get("source_profile")
        if source == name and "aws_access_key_id" in profile:
            keys = AwsKeys(profile["aws_access_key_id"], profile.get("aws_secret_access_key", ""))
        elif source:
            keys = await self._of_profile(source, depth + 1)
        elif profile.get("credential_source") == "Environment":
            environment = self._environment
            keys = AwsKeys(
                environment.get("AWS_ACCESS_KEY_ID", ""),
                environment.get("AWS_SECRET_ACCESS_KEY", ""),
                environment.get("AWS_SESSION_TOKEN", ""),
            )
        elif profile.get("credential_source") in ("Ec2InstanceMetadata", "EcsContainer"):
            keys = await self._metadata.keys()
        else:
            raise HTTPClientError(f'AWS profile "{name}" has a role, but no source of keys for it')
        return await self._sts.assume(role, keys, await self.region())

    async def _web_identity(self, token_file: str, role: Role) -> AwsKeys:
        token = read_secret(token_file, "AWS web identity token")
        return await self._sts.assume_with_web_identity(role, token, await self.region())


_SOURCES = frozenset(("role_arn", "aws_access_key_id", "credential_process"))


async def _of_process(command: str, profile: str, environment: Mapping[str, str]) -> AwsKeys:
    """The keys that a profile's credential_process prints; it runs in a shell, as AWS' SDKs run it."""
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=dict(environment)
    )
    try:
        async with asyncio.timeout(PROCESS_TIMEOUT_SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise HTTPClientError(f'the credential_process of AWS profile "{profile}" took too long') from None
    if process.returncode != 0:
        raise HTTPClientError(f'the credential_process of AWS profile "{profile}" ended with {process.returncode}')
    try:
        answer = orjson.loads(out)
    except ValueError:
        answer = None
    return keys_from_json(answer, f'the credential_process of AWS profile "{profile}"', token="SessionToken")
