"""The way into an OpenStack cloud: a token from Keystone, endpoints from its catalogue, lists page by page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.config.sd.cloud import OpenStackSDConfig
from narthex.discovery.http_api import HttpApiProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages
from narthex.discovery.payload import Payload, decode
from narthex.errors import HTTPClientError

T = TypeVar("T")


class CatalogEndpoint(Payload):
    interface: str = ""
    region: str = ""
    region_id: str = ""
    url: str = ""


class CatalogService(Payload):
    type: str = ""
    endpoints: list[CatalogEndpoint] = Field(default_factory=list)


class Token(Payload):
    catalog: list[CatalogService] = Field(default_factory=list)


class TokenAnswer(Payload):
    token: Token = Token()


class Link(Payload):
    href: str = ""
    rel: str = ""


class OpenStackProvider(HttpApiProvider):
    """Each refresh asks for a token of its own. Without identity_endpoint the OS_* variables say who asks."""

    def __init__(
        self,
        config: OpenStackSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=HTTPClientConfig(tls_config=config.tls_config))
        self._config = config
        self.source = f"OS_{config.region}"
        self._who = (
            _from_config(config)
            if config.identity_endpoint
            else dict(os.environ if environment is None else environment)
        )
        self._token, self._catalog = "", Token()

    async def authenticate(self) -> None:
        url = self._who.get("OS_AUTH_URL", "").rstrip("/")
        if not url:
            raise HTTPClientError("neither identity_endpoint nor OS_AUTH_URL is set")
        if not url.endswith("/v3"):
            url += "/v3"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        body = orjson.dumps({"auth": auth_request(self._who)})
        answer = await self.api.answer(f"{url}/auth/tokens", method="POST", headers=headers, body=body)
        self._token = answer.headers.get("X-Subject-Token", "")
        self._catalog = decode(TokenAnswer, answer.body).token

    def endpoint(self, service: str) -> str:
        """The URL of a service of the catalogue, with a slash at its end."""
        config = self._config
        for known in self._catalog.catalog:
            for endpoint in known.endpoints if known.type == service else ():
                here = config.region in (endpoint.region, endpoint.region_id)
                if endpoint.interface == config.availability and here:
                    return endpoint.url.rstrip("/") + "/"
        raise HTTPClientError(f"the catalogue has no {config.availability} {service} endpoint in {config.region}")

    def endpoint_v2(self, service: str) -> str:
        return self.endpoint(service).removesuffix("v2.0/") + "v2.0/"

    async def pages(self, kind: type[T], url: str, name: str) -> list[T]:
        """All elements of the list `name`, following its links."""

        async def ask(link: str) -> tuple[list[T], str]:
            body = await self.ask(link or url, headers={"X-Auth-Token": self._token, "Accept": "application/json"})
            page = decode(dict[str, Any], body)
            found = decode(list[kind], orjson.dumps(page.get(name) or []))  # type: ignore[valid-type]  # kind is a value here
            links = decode(list[Link], orjson.dumps(page.get(f"{name}_links") or []))
            return found, next((link.href for link in links if link.rel == "next"), "")

        return await all_pages(ask)


def _from_config(config: OpenStackSDConfig) -> dict[str, str]:
    return {
        "OS_AUTH_URL": config.identity_endpoint,
        "OS_USERNAME": config.username,
        "OS_USERID": config.userid,
        "OS_PASSWORD": config.password.reveal(),
        "OS_PROJECT_NAME": config.project_name,
        "OS_PROJECT_ID": config.project_id,
        "OS_DOMAIN_NAME": config.domain_name,
        "OS_DOMAIN_ID": config.domain_id,
        "OS_APPLICATION_CREDENTIAL_NAME": config.application_credential_name,
        "OS_APPLICATION_CREDENTIAL_ID": config.application_credential_id,
        "OS_APPLICATION_CREDENTIAL_SECRET": config.application_credential_secret.reveal(),
    }


def auth_request(who: Mapping[str, str]) -> dict[str, Any]:
    """Keystone's version 3 request: by password, with a project or the system as scope, else by application credential.

    A credential has the scope that it was made with. Raises HTTPClientError for what Keystone could not understand.
    """

    def get(*names: str) -> str:
        return next((str(who[f"OS_{name}"]) for name in names if who.get(f"OS_{name}")), "")

    domain = _one_of("domain", get("DOMAIN_ID"), get("DOMAIN_NAME"))
    user_id, user_name, password = get("USERID", "USER_ID"), get("USERNAME"), get("PASSWORD")
    if not password and (credential_id := get("APPLICATION_CREDENTIAL_ID")):
        return _by_credential({"id": credential_id}, get("APPLICATION_CREDENTIAL_SECRET"))
    user = _one_of("user", user_id, user_name)
    if not user:
        raise HTTPClientError("neither a user nor the id of an application credential is given")
    if not user_id:
        user["domain"] = _needed(domain, "a user's name")
    if not password and (credential_name := get("APPLICATION_CREDENTIAL_NAME")):
        return _by_credential({"name": credential_name, "user": user}, get("APPLICATION_CREDENTIAL_SECRET"))
    if not password:
        raise HTTPClientError("the user has no password")
    request: dict[str, Any] = {
        "identity": {"methods": ["password"], "password": {"user": {**user, "password": password}}}
    }
    if get("SYSTEM_SCOPE") == "all":
        request["scope"] = {"system": {"all": True}}
    elif project_id := get("PROJECT_ID", "TENANT_ID"):
        request["scope"] = {"project": {"id": project_id}}
    elif project_name := get("PROJECT_NAME", "TENANT_NAME"):
        request["scope"] = {"project": {"name": project_name, "domain": _needed(domain, "a project's name")}}
    return request


def _one_of(what: str, id: str, name: str) -> dict[str, Any]:
    if id and name:
        raise HTTPClientError(f"both the id and the name of a {what} are given")
    return {"id": id} if id else {"name": name} if name else {}


def _needed(domain: dict[str, Any], what: str) -> dict[str, Any]:
    if not domain:
        raise HTTPClientError(f"{what} needs the id or the name of a domain")
    return domain


def _by_credential(credential: dict[str, Any], secret: str) -> dict[str, Any]:
    if not secret:
        raise HTTPClientError("the application credential has no secret")
    method = "application_credential"
    return {"identity": {"methods": [method], method: {**credential, "secret": secret}}}
