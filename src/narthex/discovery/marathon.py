"""Discovery of tasks of apps that Marathon runs: one group an app."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cluster import MarathonSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import CamelPayload, decode
from narthex.model.target_group import TargetGroup
from narthex.net.secret_files import read_secret

APPS = "/v2/apps/?embed=apps.tasks"
PORT_MAPPING = "__meta_marathon_port_mapping_label_"
PORT_DEFINITION = "__meta_marathon_port_definition_label_"


class IpAddress(CamelPayload):
    ip_address: str = ""


class Task(CamelPayload):
    id: str = ""
    host: str = ""
    ports: list[int] = Field(default_factory=list)
    ip_addresses: list[IpAddress] = Field(default_factory=list)


class PortMapping(CamelPayload):
    labels: dict[str, str] = Field(default_factory=dict)
    container_port: int = 0
    host_port: int = 0


class Docker(CamelPayload):
    image: str = ""
    port_mappings: list[PortMapping] = Field(default_factory=list)


class Container(CamelPayload):
    docker: Docker = Docker()
    port_mappings: list[PortMapping] = Field(default_factory=list)


class PortDefinition(CamelPayload):
    labels: dict[str, str] = Field(default_factory=dict)
    port: int = 0


class Network(CamelPayload):
    mode: str = ""


class App(CamelPayload):
    id: str = ""
    tasks: list[Task] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    container: Container = Container()
    port_definitions: list[PortDefinition] = Field(default_factory=list)
    networks: list[Network] = Field(default_factory=list)
    require_ports: bool = False

    @property
    def in_container_network(self) -> bool:
        return bool(self.networks) and self.networks[0].mode == "container"


class Apps(CamelPayload):
    apps: list[App] = Field(default_factory=list)


class MarathonProvider(HttpApiProvider):
    """Each refresh asks one of the servers, by chance."""

    def __init__(
        self,
        config: MarathonSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._rng = config, rng or random.Random()

    async def refresh(self) -> Sequence[TargetGroup]:
        server = self._rng.choice(self._config.servers)
        body = await self.ask(f"{server}{APPS}", headers=self._authorization())
        return [app_group(app) for app in decode(Apps, body).apps]

    def _authorization(self) -> dict[str, str] | None:
        """DC/OS wants a token in a form of its own."""
        token = self._config.auth_token.reveal()
        if self._config.auth_token_file:
            token = read_secret(self._config.auth_token_file, "auth token")
        return {"Authorization": f"token={token}"} if token else None


def app_group(app: App) -> TargetGroup:
    labels = {"__meta_marathon_app": app.id, "__meta_marathon_image": app.container.docker.image}
    labels |= {f"__meta_marathon_app_label_{label_name(name)}": value for name, value in app.labels.items()}
    return TargetGroup(app.id, tuple(_targets(app)), labels)


def _targets(app: App) -> list[dict[str, str]]:
    ports = _ports(app)
    targets: list[dict[str, str]] = []
    for task in app.tasks:
        # As peers do: where the app names no ports, those of its first task with ports stand for all tasks.
        ports = ports or [(port, {}) for port in task.ports]
        container_address = app.in_container_network and task.ip_addresses
        host = task.ip_addresses[0].ip_address if container_address else task.host
        for index, (port, labels) in enumerate(ports):
            # 0 is a port that is chosen when the task starts.
            actual = task.ports[index] if port == 0 and len(task.ports) == len(ports) else port
            targets.append(
                {
                    "__address__": host_port(host, actual),
                    "__meta_marathon_task": task.id,
                    "__meta_marathon_port_index": str(index),
                    **labels,
                }
            )
    return targets


def _ports(app: App) -> list[tuple[int, dict[str, str]]]:
    """The app's ports with their labels. Mappings stand under `docker` before Marathon 1.5."""
    mappings = app.container.port_mappings or app.container.docker.port_mappings
    if mappings:
        inside = app.in_container_network
        return [(m.container_port if inside else m.host_port, _named(PORT_MAPPING, m.labels)) for m in mappings]
    definitions = app.port_definitions
    # Without require_ports a definition's port is that of the load balancer, not the one that is listened on.
    return [(d.port if app.require_ports else 0, _named(PORT_DEFINITION, d.labels)) for d in definitions]


def _named(prefix: str, labels: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{label_name(name)}": value for name, value in labels.items()}
