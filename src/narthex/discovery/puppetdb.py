"""Discovery of resources that a query of PuppetDB finds: one target a resource, its node as the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cluster import PuppetDBSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.model.number import go_float
from narthex.model.target_group import TargetGroup

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
MAX_DEPTH = 32


class Resource(Payload):
    certname: str = ""
    resource: str = ""
    type: str = ""
    title: str = ""
    exported: bool = False
    tags: list[str] = Field(default_factory=list)
    file: str = ""
    environment: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class PuppetDBProvider(HttpApiProvider):
    def __init__(self, config: PuppetDBSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config = config
        parts = urlsplit(config.url.text)
        self._url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/pdb/query/v4"))

    async def refresh(self) -> Sequence[TargetGroup]:
        query = orjson.dumps({"query": self._config.query})
        answer = await self.api.answer(self._url, method="POST", headers=HEADERS, body=query, accept=(200,))
        answer.require_json()
        targets = tuple(self._labels(resource) for resource in decode(list[Resource], answer.body))
        return [TargetGroup(f"{self._url}?query={self._config.query}", targets)]

    def _labels(self, resource: Resource) -> dict[str, str]:
        labels = {
            "__address__": host_port(resource.certname, self._config.port),
            "__meta_puppetdb_query": self._config.query,
            "__meta_puppetdb_certname": resource.certname,
            "__meta_puppetdb_resource": resource.resource,
            "__meta_puppetdb_type": resource.type,
            "__meta_puppetdb_title": resource.title,
            "__meta_puppetdb_exported": _bool(resource.exported),
            "__meta_puppetdb_file": resource.file,
            "__meta_puppetdb_environment": resource.environment,
        }
        if resource.tags:
            labels["__meta_puppetdb_tags"] = surrounded(resource.tags)
        if self._config.include_parameters:
            parameters = parameter_labels(resource.parameters)
            labels |= {f"__meta_puppetdb_parameter_{name}": value for name, value in parameters.items()}
        return labels


def parameter_labels(parameters: dict[str, Any], depth: int = 0) -> dict[str, str]:
    """Parameters of a resource under clean names: hashes flattened, lists joined, what is empty left out.

    Hashes more than 32 deep are left out, too.
    """
    labels: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            inner = parameter_labels(value, depth + 1) if depth < MAX_DEPTH else {}
            labels |= {f"{label_name(f'{name}_')}{key}": text for key, text in inner.items()}
        else:
            text = ",".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
            if text:
                labels[label_name(name)] = text
    return labels


def _scalar(value: Any) -> str:
    """Numbers as 64-bit floats, as peers read them; nothing for null and for what is nested in a list."""
    match value:
        case str():
            return value
        case bool():
            return _bool(value)
        case int() | float():
            return go_float(float(value))
        case _:
            return ""


def _bool(value: bool) -> str:
    return "true" if value else "false"
