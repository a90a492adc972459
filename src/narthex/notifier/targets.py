"""Target groups to URLs of Alertmanagers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.config.alerting import AlertmanagerConfig
from narthex.config.relabel import rules
from narthex.model.relabel import process
from narthex.model.target_group import TargetGroup

ADDRESS, SCHEME, PATH = "__address__", "__scheme__", "__alerts_path__"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Found:
    """URLs that alerts are posted to, and those that relabelling dropped; both without repeats, in order."""

    active: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def alertmanager_urls(config: AlertmanagerConfig, groups: Iterable[TargetGroup]) -> Found:
    """What the groups of one Alertmanager section come to. A target whose address is of no use is a problem, no URL."""
    relabel = rules(config.relabel_configs)
    path = _join(config.path_prefix, f"/api/{config.api_version}/alerts")
    active: dict[str, None] = {}
    dropped: dict[str, None] = {}
    problems: list[str] = []
    for group in groups:
        for target in group.targets:
            labels = {SCHEME: config.scheme, PATH: path, **group.labels, **target}
            final = process(dict(sorted(labels.items())), relabel)
            if final is None:
                dropped[_url(labels.get(SCHEME, ""), labels.get(ADDRESS, ""), labels.get(PATH, ""))] = None
                continue
            address = final.get(ADDRESS, "")
            if not address or "/" in address:
                problems.append(f'"{address}" is not a valid hostname (target group {group.source})')
                continue
            active[_url(final.get(SCHEME, "http"), address, final.get(PATH, ""))] = None
    return Found(tuple(active), tuple(dropped), tuple(problems))


def _join(prefix: str, path: str) -> str:
    return "/" + "/".join(part for part in (prefix.strip("/"), path.strip("/")) if part)


def _url(scheme: str, address: str, path: str) -> str:
    return f"{scheme}://{_with_port(scheme, address)}{path}"


def _with_port(scheme: str, address: str) -> str:
    """The address with the scheme's port when it names none."""
    host = address.rsplit("]", 1)[-1] if address.startswith("[") else address
    port = _DEFAULT_PORTS.get(scheme)
    if port is None or ":" in host:
        return address
    return f"{address}:{port}"
