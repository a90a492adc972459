"""Reading a kubeconfig file: the server of its current context, and the HTTP client settings for it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from narthex.config.http_client import Authorization, BasicAuth, Header, HTTPClientConfig, ProxyConfig, TLSConfig
from narthex.config.scalars import Secret, Url
from narthex.discovery.kubernetes.objects import Json, mapping, objects, texts
from narthex.errors import HTTPClientError
from narthex.net.secret_files import read_secret


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints credentials. `cluster` is what it is told of the cluster, if it wants to know."""

    version: str
    command: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    cluster: dict[str, Any] | None
    hint: str


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    server: str
    client: HTTPClientConfig
    plugin: ExecPlugin | None


def read_kubeconfig(path: Path) -> Kubeconfig:
    """Relative paths in it are meant from its folder. Raises HTTPClientError that names what is wrong."""
    try:
        found: Any = yaml.load(read_secret(str(path), "kubeconfig"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as e:
        raise HTTPClientError(f"kubeconfig {path} is not YAML: {e}") from None
    return _Reader(path, mapping(found)).read()


class _Reader:
    def __init__(self, path: Path, found: Json) -> None:
        self._path, self._found = path, found

    def read(self) -> Kubeconfig:
        current = _text(self._found, "current-context") or self._wrong("current-context")
        context = self._entry("contexts", "context", current)
        cluster = self._entry("clusters", "cluster", _text(context, "cluster"))
        user = self._entry("users", "user", _text(context, "user")) if _text(context, "user") else {}
        server = _text(cluster, "server") or self._wrong("the cluster's server")
        if "auth-provider" in user:
            raise HTTPClientError(f"kubeconfig {self._path}: auth-provider is no longer supported, use an exec plugin")
        client = HTTPClientConfig(
            tls_config=self._tls(cluster, user),
            http_headers=_impersonation(user),
            proxy_settings=ProxyConfig(proxy_url=Url(_text(cluster, "proxy-url")))
            if _text(cluster, "proxy-url")
            else ProxyConfig(proxy_from_environment=True),
            **self._credentials(user),
        )
        return Kubeconfig(server, client, self._plugin(user, cluster) if "exec" in user else None)

    def _wrong(self, what: str) -> str:
        raise HTTPClientError(f"kubeconfig {self._path}: {what} is missing")

    def _entry(self, field: str, inner: str, name: str) -> Json:
        for entry in objects(self._found.get(field)):
            if entry.get("name") == name:
                return mapping(entry.get(inner))
        raise HTTPClientError(f'kubeconfig {self._path}: {field} has no "{name}"')

    def _tls(self, cluster: Json, user: Json) -> TLSConfig:
        return TLSConfig(
            **self._pem(cluster, "certificate-authority", "ca"),
            **self._pem(user, "client-certificate", "cert"),
            **self._pem(user, "client-key", "key"),
            server_name=_text(cluster, "tls-server-name"),
            insecure_skip_verify=cluster.get("insecure-skip-tls-verify") is True,
        )

    def _pem(self, section: Json, key: str, field: str) -> dict[str, Any]:
        """Data wins over a file."""
        data = _text(section, f"{key}-data")
        if data:
            try:
                pem = base64.b64decode(data, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise HTTPClientError(f"kubeconfig {self._path}: {key}-data is not base64 of PEM text") from None
            return {field: Secret(pem) if field == "key" else pem}
        return {f"{field}_file": self._file(_text(section, key))}

    def _file(self, name: str) -> str:
        return str(self._path.parent / name) if name else ""

    def _credentials(self, user: Json) -> dict[str, Any]:
        """A token's file wins over a token."""
        if _text(user, "tokenFile"):
            return {"authorization": Authorization(credentials_file=self._file(_text(user, "tokenFile")))}
        if _text(user, "token"):
            return {"authorization": Authorization(credentials=Secret(_text(user, "token")))}
        if _text(user, "username"):
            return {"basic_auth": BasicAuth(username=_text(user, "username"), password=Secret(_text(user, "password")))}
        return {}

    def _plugin(self, user: Json, cluster: Json) -> ExecPlugin:
        plugin = mapping(user.get("exec"))
        command = _text(plugin, "command") or self._wrong("the exec plugin's command")
        version = _text(plugin, "apiVersion")
        if version not in ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"):
            raise HTTPClientError(f'kubeconfig {self._path}: exec plugins of version "{version}" are not supported')
        if plugin.get("interactiveMode") == "Always":
            raise HTTPClientError(f"kubeconfig {self._path}: the exec plugin wants a terminal, and there is none")
        told = None
        if plugin.get("provideClusterInfo") is True:
            told = {key: cluster[key] for key in _TOLD if cluster.get(key)}
            if not told.get("certificate-authority-data") and _text(cluster, "certificate-authority"):
                pem = read_secret(self._file(_text(cluster, "certificate-authority")), "certificate authority")
                told["certificate-authority-data"] = base64.b64encode(pem.encode()).decode()
        return ExecPlugin(
            version,
            self._file(command) if "/" in command else command,
            tuple(texts(plugin.get("args"))),
            {_text(pair, "name"): _text(pair, "value") for pair in objects(plugin.get("env"))},
            told,
            _text(plugin, "installHint"),
        )


_TOLD = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")


def _text(section: Json, key: str) -> str:
    value = section.get(key)
    return value if isinstance(value, str) else ""


def _impersonation(user: Json) -> dict[str, Header]:
    """Headers that ask the server to see another in us."""
    found: Mapping[str, list[str]] = {
        "Impersonate-User": [_text(user, "as")],
        "Impersonate-Uid": [_text(user, "as-uid")],
        "Impersonate-Group": texts(user.get("as-groups")),
        **{f"Impersonate-Extra-{key}": texts(value) for key, value in mapping(user.get("as-user-extra")).items()},
    }
    return {name: Header(values=values) for name, values in found.items() if any(values)}
